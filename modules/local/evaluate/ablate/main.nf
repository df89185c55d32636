// The search in rounds with one of its parts changed at a time, on part of the queries.
process EVALUATE_ABLATE {
    label 'process_medium'

    container "${torch ? params.image_rhoma_gpu : params.image_rhoma}"

    input:
    path dataset
    path indexes
    tuple path(model, stageAs: 'model'), path(weights, stageAs: 'weights'), val(name), val(torch) // encoderOf()
    val preset
    val _after                           // the timed runs come first, alone on the machine

    output:
    path 'ablations', emit: ablations
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def encoder = "--model ${name ?: model}" + (weights ? " --model-dir ${weights}" : '')
    def given = indexes.collect { index -> "--index ${index}" }.join(' ')
    """
    evaluate.py ablate --dataset ${dataset} --preset ${preset} ${encoder} ${given} --out ablations \\
        --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir ablations
    """
}
