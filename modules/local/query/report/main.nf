// One table of all hits and one report of all batches.
process QUERY_REPORT {
    label 'process_low'

    container "${params.image_rhoma}"

    input:
    path batches, stageAs: 'collected/fasta/*'
    path found, stageAs: 'collected/search/*'
    path aligned, stageAs: 'collected/msa/*'
    path skipped
    path left_out
    stdin // the parameters as JSON
    val evalue

    output:
    path 'report/hits.tsv', emit: hits
    path 'report/hits.m8', emit: m8
    path 'report/hits.gff3', emit: gff3
    path 'report/hits.bed', emit: bed
    path 'report/families.tsv', emit: families, optional: true
    path 'report/hits.tblout', emit: tblout
    path 'report/failed.tsv', emit: failed, optional: true
    path 'report/skipped_records.tsv', emit: skipped, optional: true
    path 'report/report.html', emit: report
    path 'report/msa.tsv', emit: quality, optional: true
    path 'report/*_mqc.tsv', emit: multiqc
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def records = left_out ? "--skipped-records ${left_out}" : ''
    """
    cat > params.json
    mkdir -p collected # no batch: every query was skipped
    query.py report --batches collected --skipped ${skipped} ${records} --params params.json --evalue ${evalue} \\
        --out report ${args}
    """

    stub:
    """
    mkdir report
    touch report/hits.tsv report/hits.m8 report/hits.tblout report/hits.gff3 report/hits.bed report/report.html \\
        report/msa.tsv report/rhoma_queries_mqc.tsv
    """
}
