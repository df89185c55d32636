// Alignment, consensus structure and covariance model of one family of homologs. A family that cannot be aligned leaves
// a row in its failed.tsv and ends well, so that the others go on.
process MSA_ALIGN {
    tag "${meta.id.replaceAll('[^A-Za-z0-9._-]', '_')}"
    label 'process_medium'

    // states of nucleotides need torch
    container "${model || model_name ? params.image_rhoma_gpu : params.image_rhoma}"

    input:
    tuple val(meta), path(fasta, stageAs: 'input/*')
    tuple path(model, stageAs: 'model'), path(weights, stageAs: 'weights'), val(model_name), val(torch) // encoderOf(), or empty
    val options

    output:
    tuple val(meta), path("${prefix}.aligned"), emit: aligned
    path 'families/*', emit: families, type: 'dir', optional: true
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions
    tuple val("${task.process}"), val('infernal'), eval("cmalign -h | sed -n 's/^# INFERNAL \\([0-9.]*\\).*/\\1/p'"), topic: versions

    script:
    def args = task.ext.args ?: ''
    def encoder = (model || model_name ? "--model ${model_name ?: model}" : '') + (weights ? " --model-dir ${weights}" : '')
    // the name is quoted for the shell, and names no file of the pipeline
    def name = "'" + meta.id.replace("'", "'\\''") + "'"
    prefix = task.ext.prefix ?: meta.id.md5()
    """
    align.py ${fasta} --name=${name} --out families --threads ${task.cpus} --keep-going --no-report ${encoder} ${options} ${args}
    ln -s families ${prefix}.aligned
    """

    stub:
    prefix = task.ext.prefix ?: meta.id.md5()
    """
    mkdir -p families/${meta.id.replaceAll('[^A-Za-z0-9._-]', '_')}
    touch families/msa.tsv families/failed.tsv
    ln -s families ${prefix}.aligned
    """
}
