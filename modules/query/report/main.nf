// One table of all hits and one report of all batches.
process QUERY_REPORT {
    label 'process_low'

    container 'rhoma/rhoma:0.1.0'

    input:
    path batches
    path found
    path aligned
    path skipped
    path index

    output:
    path 'hits.tsv', emit: hits
    path 'hits.m8', emit: m8
    path 'report.html', emit: report
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    query.py report --out . ${args}
    """

    stub:
    """
    touch hits.tsv hits.m8 report.html
    """
}
