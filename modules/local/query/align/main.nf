// Alignment, consensus structure and covariance model of each query of a batch.
process QUERY_ALIGN {
    tag "${meta.id}"
    label 'process_medium'

    // states of nucleotides need torch
    container "${model || model_name ? params.image_rhoma_gpu : params.image_rhoma}"

    input:
    tuple val(meta), path(fasta), path(found), path(mafft)
    path index
    tuple path(model, stageAs: 'model'), path(weights, stageAs: 'weights'), val(model_name), val(torch) // encoderOf(), or empty
    val options

    output:
    tuple val(meta), path("${prefix}.aligned"), emit: aligned
    path 'queries/*', emit: queries, type: 'dir', optional: true
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions
    tuple val("${task.process}"), val('infernal'), eval("cmalign -h | sed -n 's/^# INFERNAL \\([0-9.]*\\).*/\\1/p'"), topic: versions

    script:
    def args = task.ext.args ?: ''
    def encoder = (model || model_name ? "--model ${model_name ?: model}" : '') + (weights ? " --model-dir ${weights}" : '')
    def alignments = mafft ? "--mafft ${mafft}" : ''
    prefix = task.ext.prefix ?: meta.id
    // two names for one directory: the queries are published one by one, the report takes the whole
    """
    query.py align --search ${found} --fasta ${fasta} --index ${index} --out queries --threads ${task.cpus} \\
        ${alignments} ${encoder} ${options} ${args}
    ln -s queries ${prefix}.aligned
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    mkdir -p queries/query_of_${meta.id}
    touch queries/query_of_${meta.id}/msa.sto
    ln -s queries ${prefix}.aligned
    """
}
