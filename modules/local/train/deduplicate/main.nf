// One of the near copies within each family of a batch.
process TRAIN_DEDUPLICATE {
    tag "${fasta.baseName}"
    label 'process_low'

    container "${params.image_rhoma}"

    input:
    path fasta

    output:
    path '*.kept.fa', emit: kept
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions
    tuple val("${task.process}"), val('mmseqs2'), eval('mmseqs version'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    train.py deduplicate --fasta ${fasta} --out ${fasta.baseName}.kept.fa --threads ${task.cpus} ${args}
    """

    stub:
    """
    touch ${fasta.baseName}.kept.fa
    """
}
