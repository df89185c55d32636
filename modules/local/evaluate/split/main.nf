// Families of Rfam divided into train, validation and test, so that nothing related crosses.
process EVALUATE_SPLIT {
    label 'process_medium'

    container "${params.image_rhoma}"

    input:
    path rfam, stageAs: 'rfam'
    val seed

    output:
    path 'split.tsv', emit: split
    path 'split.tsv.sha256', emit: sha256
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    evaluate.py split --rfam ${rfam} --seed ${seed} --out split.tsv --threads ${task.cpus} ${args}
    """

    stub:
    """
    touch split.tsv split.tsv.sha256
    """
}
