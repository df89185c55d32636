// MAFFT L-INS-i or X-INS-i of every file of a batch; the names of the files are safe (rhoma.sequences.safe_name).
process MAFFT_ALIGN {
    tag "${meta.id}"
    label 'process_medium'

    container "${params.image_rna_tools}"

    input:
    tuple val(meta), path(homologs)
    val aligner

    output:
    tuple val(meta), path("${prefix}.mafft"), emit: alignments
    tuple val("${task.process}"), val('mafft'), eval('mafft --version 2>&1 | cut -d " " -f 1'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def program = aligner == 'xinsi' ? 'mafft-xinsi' : 'mafft --nuc --localpair --maxiterate 1000'
    prefix = task.ext.prefix ?: meta.id
    """
    shopt -s nullglob
    mkdir ${prefix}.mafft
    for file in ${homologs}/*.fasta; do
        name=\$(basename "\$file" .fasta)
        ${program} --thread ${task.cpus} --threadit 0 --quiet ${args} "\$file" > "${prefix}.mafft/\$name.afa"
    done
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    mkdir ${prefix}.mafft
    """
}
