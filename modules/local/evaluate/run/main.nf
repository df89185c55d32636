// One method on all databases: ranked lists and timings. A new method needs no change here: it is an entry of the
// registry (src/rhoma/evaluate/methods) or of the YAML file of tools.
process EVALUATE_RUN {
    tag "${method}"
    label 'process_medium'

    container "${torch ? params.image_rhoma_gpu : params.image_rhoma}"

    input:
    val method
    path dataset
    path indexes
    tuple path(model, stageAs: 'model'), path(weights, stageAs: 'weights'), val(name), val(torch) // encoderOf()
    path tools, stageAs: 'tools.yml'
    val preset

    output:
    path "${method}.run", emit: run
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def encoder = "--model ${name ?: model}" + (weights ? " --model-dir ${weights}" : '')
    def given = indexes.collect { index -> "--index ${index}" }.join(' ')
    def more = tools ? "--tools ${tools}" : ''
    """
    evaluate.py run --dataset ${dataset} --method '${method}' --preset ${preset} ${encoder} ${given} ${more} \\
        --out ${method}.run --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir ${method}.run
    """
}
