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

    channel.topic('versions')
        .map { process, tool, version -> [process.tokenize(':').last(), tool, version] }
        .unique()
        .toSortedList { left, right -> left.join(' ') <=> right.join(' ') }
        .map { rows -> versionsYaml(rows) }
        .collectFile(name: 'software_versions.yml', storeDir: records)
}

// Returns the versions as YAML: tools by process, Nextflow and the pipeline last.
def versionsYaml(rows) {
    def lines = rows.groupBy { row -> row[0] }.collect { process, tools ->
        "${process}:\n" + tools.collect { tool -> "  ${tool[1]}: '${tool[2]}'\n" }.join('')
    }
    return lines.join('') + "Workflow:\n  rhoma: '${workflow.manifest.version}'\n  nextflow: '${workflow.nextflow.version}'\n"
}
