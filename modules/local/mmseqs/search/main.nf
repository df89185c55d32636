// Nucleotide search by MMseqs2, both strands; the table is empty where the index is without its database.
process MMSEQS_SEARCH {
    tag "${meta.id}"
    label 'process_medium'

    container "${params.image_rhoma}"

    input:
    tuple val(meta), path(fasta)
    path index

    output:
    tuple val(meta), path("${prefix}.m8"), emit: hits
    tuple val("${task.process}"), val('mmseqs2'), eval('mmseqs version'), topic: versions

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: meta.id
    """
    query.py anchors --batch ${fasta} --index ${index} --out ${prefix}.m8 --threads ${task.cpus} ${args}
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    touch ${prefix}.m8
    """
}
