// Windows of sequences to unit vectors: an embedding store.
process EMBED {
    tag "${meta.id}"
    label 'process_medium'
    label 'process_gpu'

    container "${torch ? params.image_rhoma_gpu : params.image_rhoma}"

    input:
    tuple val(meta), path(fasta)
    tuple path(model, stageAs: 'model'), path(weights, stageAs: 'weights'), val(name), val(torch) // encoderOf()
    val strands
    val device
    val options

    output:
    tuple val(meta), path("${prefix}.store"), emit: store
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def encoder = "--model ${name ?: model}" + (weights ? " --model-dir ${weights}" : '')
    def where = [cpu: 'cpu', gpu: 'cuda', auto: 'auto'][device]
    prefix = task.ext.prefix ?: meta.id
    """
    embed.py --fasta ${fasta} --out ${prefix}.store --strands ${strands} ${encoder} \\
        --device ${where} --threads ${task.cpus} ${options} ${args}
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    mkdir ${prefix}.store
    touch ${prefix}.store/manifest.json
    """
}
