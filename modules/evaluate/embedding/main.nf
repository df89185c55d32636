// How families and clans keep together in the embedding space, and its atlas.
process EVALUATE_EMBEDDING {
    label 'process_medium'

    container 'rhoma/rhoma:0.1.0'

    input:
    path dataset
    path rfam, stageAs: 'rfam'
    path split, stageAs: 'split.tsv'
    path model, stageAs: 'model'
    val preset
    val _after

    output:
    path 'embedding', emit: part
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def source = rfam ? "--rfam ${rfam} --split ${split}" : ''
    """
    evaluate.py embedding --dataset ${dataset} ${source} --preset ${preset} --model ${model} --out embedding \\
        --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir embedding
    """
}
