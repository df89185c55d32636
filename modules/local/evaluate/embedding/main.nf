// How families and clans keep together in the embedding space, and its atlas.
process EVALUATE_EMBEDDING {
    label 'process_medium'

    container "${torch ? params.image_rhoma_gpu : params.image_rhoma}"

    input:
    path dataset
    path rfam, stageAs: 'rfam'
    path split, stageAs: 'split.tsv'
    tuple path(model, stageAs: 'model'), path(weights, stageAs: 'weights'), val(name), val(torch) // encoderOf()
    val preset
    val _after

    output:
    path 'embedding', emit: part
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def encoder = "--model ${name ?: model}" + (weights ? " --model-dir ${weights}" : '')
    def source = rfam ? "--rfam ${rfam} --split ${split}" : ''
    """
    evaluate.py embedding --dataset ${dataset} ${source} --preset ${preset} ${encoder} --out embedding \\
        --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir embedding
    """
}
