// Alignments against the reference alignments: Rhoma's, BLASTn's hits in the same workflow, MAFFT's.
process EVALUATE_MSA {
    label 'process_medium'

    container "${torch ? params.image_rhoma_gpu : params.image_rhoma}"

    input:
    path dataset
    path index
    tuple path(model, stageAs: 'model'), path(weights, stageAs: 'weights'), val(name), val(torch) // encoderOf()
    val preset
    val _after

    output:
    path 'msa', emit: part
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def encoder = "--model ${name ?: model}" + (weights ? " --model-dir ${weights}" : '')
    """
    evaluate.py msa --dataset ${dataset} --index ${index} --preset ${preset} ${encoder} --out msa \\
        --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir msa
    """
}
