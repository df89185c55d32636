// Retrieval, scoring by the query's model, rounds and E-values for one batch of queries.
process QUERY_SEARCH {
    tag "${meta.id}"
    label 'process_medium'

    container "${params.image_rhoma}"

    input:
    tuple val(meta), path(fasta), path(store), path(mmseqs_hits)
    path index
    path labels
    val options

    output:
    tuple val(meta), path("${prefix}.search"), emit: found
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def names = labels ? "--labels ${labels}" : ''
    prefix = task.ext.prefix ?: meta.id
    """
    query.py search --batch ${fasta} --index ${index} --store ${store} --mmseqs ${mmseqs_hits} ${names} \\
        --out ${prefix}.search --threads ${task.cpus} ${options} ${args}
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    mkdir -p ${prefix}.search/alignments
    touch ${prefix}.search/hits.tsv ${prefix}.search/hits.m8 ${prefix}.search/rounds.tsv \\
        ${prefix}.search/failed.tsv
    """
}
