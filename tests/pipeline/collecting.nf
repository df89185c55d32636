// What collects the results of many tasks, with so many of them.

include { INDEX_JOIN   } from '../../modules/local/index/join'
include { MSA_REPORT   } from '../../modules/local/msa/report'
include { QUERY_REPORT } from '../../modules/local/query/report'

params.number = 2

workflow {
    def made = file("${launchDir}/made")
    def many = (1..(params.number as int)).collect { number -> made.resolve("batch_${number}") }
    many.each { place -> place.mkdirs() }
    def table = made.resolve('skipped.tsv')
    table.text = ''
    INDEX_JOIN(made, many, [])
    MSA_REPORT(many, '{}')
    QUERY_REPORT(many, many, many, table, [], '{}', 0.001)
}
