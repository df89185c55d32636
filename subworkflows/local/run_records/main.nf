// What a run leaves about itself in pipeline_info: its parameters and the versions of its programs.

workflow RUN_RECORDS {
    take:
    settings // map: typed parameters
    late     // channel: process, tool and version of what reads the topic of versions

    main:
    def records = "${settings.outdir}/pipeline_info"
    def parameters = settings.findAll { name, _value -> name in params.keySet() && !(name in ['help', 'version']) }
    file(records).mkdirs()
    file("${records}/params_${settings.trace_report_suffix}.json").text =
        groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(parameters)) + '\n'

    // No collectFile: where a run fails, its thread is interrupted at its files, which is then told as an error of its own.
    def seen = [].asSynchronized()
    channel.topic('versions').subscribe { row -> seen << row }
    late.subscribe { row -> seen << row }
    workflow.onComplete {
        file("${records}/software_versions.yml").text = versionsYaml(seen)
    }
}

// Returns the versions as YAML, in one order whatever that of the rows: tools by process, Nextflow and the pipeline last.
def versionsYaml(seen) {
    def rows = seen.collect { process, tool, version -> [process.tokenize(':').last(), tool, version] }.unique()
    def lines = rows.sort { row -> row.join(' ') }.groupBy { row -> row[0] }.collect { process, tools ->
        "${process}:\n" + tools.collect { tool -> "  ${tool[1]}: '${tool[2]}'\n" }.join('')
    }
    return lines.join('') + "Workflow:\n  rhoma: '${workflow.manifest.version}'\n  nextflow: '${workflow.nextflow.version}'\n"
}
