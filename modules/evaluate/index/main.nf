// Vectors and index of one database of the benchmark, and what making them takes.
process EVALUATE_INDEX {
    tag "${database}"
    label 'process_medium'

    container 'rhoma/rhoma:0.1.0'

    input:
    val database
    path dataset
    path model, stageAs: 'model'

    output:
    path "${database}.index", emit: index
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    evaluate.py index --dataset ${dataset} --database ${database} --model ${model} --out ${database}.index \\
        --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir ${database}.index
    """
}
