// Writes what the pipeline says of many sets of parameters and samplesheets, in one start of Nextflow.

include { checkParameters ; checkSamplesheet ; nearestName ; readJson ; stagedSamplesheet ; workflowProblems } from '../../subworkflows/local/parameters'

params.cases = null
params.verdicts = null

workflow {
    def root = "${projectDir}/../.."
    def cases = readJson(params.cases)
    def schema = readJson("${root}/nextflow_schema.json")
    def sheets = readJson("${root}/assets/schema_input.json")
    // of this thread alone: a busy machine does not count
    def clock = java.lang.management.ManagementFactory.getThreadMXBean()
    def start = clock.getCurrentThreadCpuTime()
    def long_sheet = checkSamplesheet(sheets, cases.long_sheet)
    def long_text = stagedSamplesheet(long_sheet[0])
    def answer = [
        long_sheet: [long_sheet[0].size(), long_sheet[1], long_text.readLines().last()],
        long_seconds: (clock.getCurrentThreadCpuTime() - start) / 1e9,
        parameters: cases.parameters.collect { given -> checkParameters(schema, given) },
        samplesheets: cases.samplesheets.collect { path -> checkSamplesheet(sheets, path) },
        starts: cases.starts.collect { given ->
            def checked = checkParameters(schema, given)
            checked[1] ?: workflowProblems(checked[0])
        },
        nearest: cases.names.collect { name -> nearestName(name, cases.known) },
    ]
    file(params.verdicts).text = groovy.json.JsonOutput.toJson(answer)
}
