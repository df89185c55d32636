// One table and one report of all families.
process MSA_REPORT {
    label 'process_low'

    container "${params.image_rhoma}"

    input:
    path aligned, stageAs: 'collected/msa/*'
    stdin // the parameters as JSON, with the names of all families

    output:
    path 'report/msa.tsv', emit: quality, optional: true
    path 'report/failed.tsv', emit: failed, optional: true
    path 'report/report.html', emit: report
    path 'report/*_mqc.tsv', emit: multiqc
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    cat > params.json
    mkdir -p collected # no family: all tasks were lost
    query.py report --families --batches collected --params params.json --out report ${args}
    """

    stub:
    """
    mkdir report
    touch report/msa.tsv report/report.html report/rhoma_families_mqc.tsv
    """
}
