// Checks all queries and writes them in batches; a bad record ends the run here, before anything is searched.
process QUERY_PREPARE {
    label 'process_single'

    container 'rhoma/rhoma:0.1.0'

    input:
    path fasta, stageAs: 'input?/*'
    val batch_size

    output:
    path 'batches/*.fasta', emit: batches, optional: true
    path 'skipped.tsv', emit: skipped
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def inputs = (fasta instanceof List ? fasta : [fasta]).collect { path -> "--input ${path}" }.join(' ')
    """
    query.py prepare ${inputs} --out . --batch-size ${batch_size} ${args}
    """

    stub:
    """
    mkdir batches
    printf '>q1\\nACGUACGUACGUACGUACGU\\n' > batches/batch_0001.fasta
    printf '>q2\\nACGUACGUACGUACGUACGU\\n' > batches/batch_0002.fasta
    touch skipped.tsv
    """
}
