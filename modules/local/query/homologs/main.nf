// The homologs of each query of a batch as unaligned FASTA, for MAFFT.
process QUERY_HOMOLOGS {
    tag "${meta.id}"
    label 'process_single'

    container "${params.image_rhoma}"

    input:
    tuple val(meta), path(fasta), path(found)
    path index
    val options

    output:
    tuple val(meta), path("${prefix}.homologs"), emit: homologs
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: meta.id
    """
    query.py align --prepare --search ${found} --fasta ${fasta} --index ${index} --out ${prefix}.homologs \\
        --threads ${task.cpus} ${options} ${args}
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    mkdir ${prefix}.homologs
    """
}
