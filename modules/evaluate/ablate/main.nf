// The search in rounds with one of its parts changed at a time, on part of the queries.
process EVALUATE_ABLATE {
    label 'process_medium'

    container 'rhoma/rhoma:0.1.0'

    input:
    path dataset
    path indexes
    path model, stageAs: 'model'
    val preset
    val _after                           // the timed runs come first, alone on the machine

    output:
    path 'ablations', emit: ablations
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def given = indexes.collect { index -> "--index ${index}" }.join(' ')
    """
    evaluate.py ablate --dataset ${dataset} --preset ${preset} --model ${model} ${given} --out ablations \\
        --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir ablations
    """
}
