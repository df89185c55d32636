// The report by MultiQC. Where it is not installed there is none, and the run goes on. Its version goes into no topic: what
// it reads are the versions in that topic, which would wait for it.
process MULTIQC {
    label 'process_single'

    conda "${moduleDir}/environment.yml"
    container "${params.image_multiqc}"

    input:
    path content, stageAs: 'content/*'
    path config, stageAs: 'multiqc_config.yml'
    path more, stageAs: 'more_config.yml' // of the user, which goes before; may be empty
    val title

    output:
    path 'multiqc_report.html', emit: report, optional: true
    path 'multiqc_data', emit: data, optional: true
    tuple val("${task.process}"), val('multiqc'), eval('{ multiqc --version 2> /dev/null || true; } | cut -d " " -f 3'), emit: versions

    script:
    def args = task.ext.args ?: ''
    def own = more ? "--config ${more}" : ''
    // quoted for the shell
    def heading = title ? "--title '${title.replace("'", "'\\''")}'" : ''
    """
    if command -v multiqc > /dev/null; then
        multiqc --no-ansi --force --filename multiqc_report.html --config ${config} ${own} ${heading} ${args} content
        mv multiqc_report_data multiqc_data
    fi
    """

    stub:
    """
    mkdir multiqc_data
    touch multiqc_report.html
    """
}
