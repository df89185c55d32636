// Sequences of the right length, their families in batches; settings that no training takes end the run here.
process TRAIN_PREPARE {
    label 'process_single'

    container "${params.image_rhoma}"

    input:
    path rfam, stageAs: 'rfam'
    path config, stageAs: 'settings.yml'
    val encoder                          // name of the encoder; empty for what the settings say
    val preset
    val batch_size

    output:
    path 'batches/*.fa', emit: batches
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def settings = [
        config ? "--config ${config}" : '',
        preset ? "--preset ${preset}" : '',
        encoder ? "--encoder ${encoder}" : '',
    ].findAll { option -> option }.join(' ')
    """
    train.py prepare --rfam ${rfam} --out batches --batch-size ${batch_size} ${settings} ${args}
    """

    stub:
    // ext.stubs: how many batches to stand for
    def last = task.ext.stubs ?: 2
    """
    mkdir batches
    for batch in \$(seq ${last}); do
        touch batches/batch_\$(printf %04d \$batch).fa
    done
    """
}
