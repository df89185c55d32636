// Checks all queries and writes them in batches; a bad record ends the run here, before anything is searched.
process QUERY_PREPARE {
    label 'process_single'

    container "${params.image_rhoma}"

    input:
    path fasta, stageAs: 'input?/*'
    stdin // samplesheet of the staged files; empty for a single FASTA file
    val batch_size

    output:
    path 'prepared/batches/*.fasta', emit: batches, optional: true
    path 'prepared/skipped.tsv', emit: skipped
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    // the names in a samplesheet come by stdin, past the shell
    """
    cat > samplesheet.csv
    if [ -s samplesheet.csv ]; then input=samplesheet.csv; else input=${fasta instanceof List ? fasta[0] : fasta}; fi
    query.py prepare --input "\$input" --out prepared --batch-size ${batch_size} ${args}
    """

    stub:
    // ext.stubs: how many batches to stand for
    def last = task.ext.stubs ?: 2
    """
    mkdir -p prepared/batches
    for batch in \$(seq ${last}); do
        printf ">q\$batch\\nACGUACGUACGUACGUACGU\\n" > prepared/batches/batch_\$(printf %04d \$batch).fasta
    done
    printf 'file\\trecord\\tline\\tlength\\treason\\n' > prepared/skipped.tsv
    """
}
