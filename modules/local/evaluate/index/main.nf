// Vectors and index of one database of the benchmark, and what making them takes.
process EVALUATE_INDEX {
    tag "${database}"
    label 'process_medium'

    container "${torch ? params.image_rhoma_gpu : params.image_rhoma}"

    input:
    val database
    path dataset
    tuple path(model, stageAs: 'model'), path(weights, stageAs: 'weights'), val(name), val(torch) // encoderOf()

    output:
    path "${database}.index", emit: index
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def encoder = "--model ${name ?: model}" + (weights ? " --model-dir ${weights}" : '')
    """
    evaluate.py index --dataset ${dataset} --database ${database} ${encoder} --out ${database}.index \\
        --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir ${database}.index
    """
}
