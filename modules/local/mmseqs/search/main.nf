// Nucleotide search, both strands; the table may be empty.
process MMSEQS_SEARCH {
    tag "${meta.id}"
    label 'process_medium'

    container "${params.image_rna_tools}"

    input:
    tuple val(meta), path(fasta)
    path index

    output:
    tuple val(meta), path("${prefix}.m8"), emit: hits
    tuple val("${task.process}"), val('mmseqs2'), eval('mmseqs version'), topic: versions

    script:
    def args = task.ext.args ?: ''
    // the whole headers, not the default's names: those are cut where a name looks like sp|P12345|X
    def columns = 'qheader,theader,pident,alnlen,mismatch,gapopen,qstart,qend,tstart,tend,evalue,bits'
    prefix = task.ext.prefix ?: meta.id
    """
    touch ${prefix}.m8
    # an index may be without; after a change of the index the directory has another name
    database=\$(sed -n 's/^  "mmseqs": "\\(.*\\)".*/\\1/p' ${index}/manifest.json)
    if [ -n "\$database" ]; then
        database=${index}/\$database
        sed '/^>/s/[[:space:]].*//' ${fasta} > names_only.fasta
        mmseqs createdb names_only.fasta queries --dbtype 2 -v 2
        mmseqs search queries "\$database" found tmp --search-type 3 --threads ${task.cpus} -v 2 ${args}
        mmseqs convertalis queries "\$database" found ${prefix}.m8 --search-type 3 --threads ${task.cpus} -v 2 \\
            --format-output ${columns}
        rm -rf tmp
    fi
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    touch ${prefix}.m8
    """
}
