// All tables, plots and the report. A method without result gets a row that says so.
process EVALUATE_REPORT {
    label 'process_single'

    container "${params.image_rhoma}"

    input:
    path dataset
    path runs
    path ablations
    path parts
    path tools, stageAs: 'tools.yml'
    val preset
    val command

    output:
    path 'tables/*', emit: tables
    path 'tables/*_mqc.tsv', emit: multiqc
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def given = runs.collect { run -> "--run ${run}" }.join(' ')
    def tried = ablations ? "--ablations ${ablations}" : ''
    def more = tools ? "--tools ${tools}" : ''
    def others = parts.collect { part -> "--part ${part}" }.join(' ')
    """
    evaluate.py report --dataset ${dataset} ${given} ${tried} ${others} ${more} --preset ${preset} \\
        --command '${command}' --out tables ${args}
    """

    stub:
    """
    mkdir tables
    touch tables/retrieval.tsv tables/speed.tsv tables/evalue.tsv tables/msa.tsv tables/embedding.tsv tables/report.html \\
        tables/rhoma_benchmark_mqc.tsv
    """
}
