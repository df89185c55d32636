// Nucleotide search, both strands; the table may be empty.
process MMSEQS_SEARCH {
    tag "${meta.id}"
    label 'process_medium'

    container 'rhoma/rna-tools:0.1.0'

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
    mmseqs createdb ${fasta} queries --dbtype 2 -v 2
    mmseqs search queries ${index}/mmseqs/db found tmp --search-type 3 --threads ${task.cpus} -v 2 ${args}
    mmseqs convertalis queries ${index}/mmseqs/db found ${prefix}.m8 --search-type 3 --threads ${task.cpus} -v 2
    rm -rf tmp
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    touch ${prefix}.m8
    """
}
