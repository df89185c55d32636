// What comes when all results are there: the report by MultiQC, and the end of a run in which something has failed.

include { MULTIQC       } from '../../../modules/local/multiqc'
include { QUERY_VERDICT } from '../../../modules/local/query/verdict'
include { versionsYaml  } from '../run_records'

workflow SUMMARY {
    take:
    settings // map: typed parameters
    content  // channel: custom content of MultiQC
    failed   // channel: table of what failed
    what     // what to say of it

    main:
    versions = channel.empty()
    after = channel.value(true)
    if (!settings.skip_multiqc) {
        // sorted, so that a resumed run finds its report
        records = channel.topic('versions').toList().flatMap { rows ->
            [
                contentFile('rhoma_software_mqc_versions.yml', versionsYaml(rows)),
                contentFile('rhoma_parameters_mqc.json', parametersJson(settings.report_parameters)),
            ]
        }
        files = content.flatten().mix(records).toSortedList { left, right -> left.name <=> right.name }
        // nothing to tell of where a run has no content
        MULTIQC(
            files.filter { all -> all.size() > 2 },
            file("${projectDir}/assets/multiqc_config.yml"),
            settings.multiqc_config ? file(settings.multiqc_config, glob: false) : [],
            settings.multiqc_title ?: '',
        )
        versions = MULTIQC.out.versions.filter { _process, _tool, version -> version }
        after = MULTIQC.out.report.ifEmpty([])
        // of one that failed Nextflow tells
        MULTIQC.out.versions.filter { _process, _tool, version -> !version }.subscribe { _row ->
            log.warn("MultiQC is not installed where its task ran: there is no multiqc_report.html, and all other results are there. Remedy: setup/install.sh multiqc, or --skip_multiqc")
        }
    }
    // everything is published by then: what failed does not take the results of others with it
    QUERY_VERDICT(failed, what, after)

    emit:
    versions // channel: process, tool and version of what reads the topic of versions
}

// Returns a file with a text in a place that the text names, so that the same text is the same file to -resume.
def contentFile(name, text) {
    def place = workflow.workDir.resolve("content/${text.sha256()}/${name}")
    if (!place.exists() || place.text != text) {
        place.parent.mkdirs()
        place.text = text
    }
    return place
}

// Returns the parameters of a run (a JSON object) as a table of MultiQC, which puts cells into its page as they are.
def parametersJson(parameters) {
    def rows = new groovy.json.JsonSlurper().parseText(parameters).findAll { name, _value -> name != 'families' }
    return groovy.json.JsonOutput.toJson([
        id: 'rhoma-rhoma-summary',
        section_name: 'Rhoma: parameters',
        description: 'As the run has understood them.',
        plot_type: 'table',
        pconfig: [id: 'rhoma_parameters_table', title: 'Rhoma: parameters', col1_header: 'Parameter'],
        headers: [Value: [scale: false]],
        data: rows.collectEntries { name, value -> [name, [Value: escaped(value.toString())]] },
    ])
}

// Returns text for HTML.
def escaped(text) {
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;').replace('"', '&quot;')
}
