// What a run leaves about itself in pipeline_info: its parameters and the versions of its programs.

workflow RUN_RECORDS {
    take:
    settings // map: typed parameters

    main:
    def records = "${settings.outdir}/pipeline_info"
    def parameters = settings.findAll { name, _value -> name in params.keySet() && !(name in ['help', 'version']) }
    file(records).mkdirs()
    file("${records}/params_${settings.trace_report_suffix}.json").text =
        groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(parameters)) + '\n'

    // No collectFile: where a run fails, its thread is interrupted at its files, which is then told as an error of its own.
    def seen = [].asSynchronized()
    channel.topic('versions').subscribe { row -> seen << row }
    workflow.onComplete {
        def rows = seen.collect { process, tool, version -> [process.tokenize(':').last(), tool, version] }.unique()
        file("${records}/software_versions.yml").text = versionsYaml(rows.sort { row -> row.join(' ') })
    }
}

// Returns the versions as YAML: tools by process, Nextflow and the pipeline last.
def versionsYaml(rows) {
    def lines = rows.groupBy { row -> row[0] }.collect { process, tools ->
        "${process}:\n" + tools.collect { tool -> "  ${tool[1]}: '${tool[2]}'\n" }.join('')
    }
    return lines.join('') + "Workflow:\n  rhoma: '${workflow.manifest.version}'\n  nextflow: '${workflow.nextflow.version}'\n"
}
