// The training itself: a model bundle. More than one GPU (process.accelerator) are used by as many processes.
process TRAIN_RUN {
    label 'process_high'
    label 'process_long'
    label 'process_gpu'

    container "${params.image_rhoma_gpu}"

    input:
    path rfam, stageAs: 'rfam'
    path split, stageAs: 'split.tsv'
    path config, stageAs: 'settings.yml'
    path weights, stageAs: 'weights'     // of a published encoder
    val encoder                          // its name; empty for what the settings say
    val preset
    val device

    output:
    path 'encoder', emit: bundle
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions
    tuple val("${task.process}"), val('torch'), eval("python3 -c \"from importlib.metadata import version; print(version('torch'))\""), topic: versions

    script:
    def args = task.ext.args ?: ''
    def gpus = device == 'cpu' || !task.accelerator ? 1 : task.accelerator.request
    def program = gpus > 1 ? "torchrun --standalone --nproc-per-node ${gpus} --no-python train.py" : 'train.py'
    def settings = [
        config ? "--config ${config}" : '',
        preset ? "--preset ${preset}" : '',
        encoder ? "--encoder ${encoder}" : '',
        weights ? "--model-dir ${weights}" : '',
    ].findAll { option -> option }.join(' ')
    def where = [cpu: 'cpu', gpu: 'cuda', auto: 'auto'][device]
    """
    ${program} run --rfam ${rfam} --split ${split} --out encoder --workdir checkpoints ${settings} \\
        --device ${where} --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir encoder
    touch encoder/manifest.json ${weights ? '' : 'encoder/network.onnx'}
    """
}
