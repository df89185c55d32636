// --workflow msa: from families of homologs, a FASTA file each, to alignments, models and a report.

include { MAFFT_CHECK as MSA_CHECK } from '../modules/local/mafft/check'
include { MSA_ALIGN                } from '../modules/local/msa/align'
include { MSA_REPORT               } from '../modules/local/msa/report'
include { tellProgress             } from '../subworkflows/local/progress'

workflow MSA {
    take:
    settings // map: typed parameters

    main:
    families = channel.fromList(settings.families).map { family -> [[id: family.id], file(family.fasta, glob: false)] }
    if (settings.aligner == 'xinsi') {
        MSA_CHECK()
    }
    MSA_ALIGN(families, settings.align_encoder, settings.family_options)
    tellProgress(MSA_ALIGN.out.aligned.map { _row -> 1 }, families.map { _row -> 1 }, 'aligned', 'families')

    // sorted, so that a resumed run finds its report; a family whose task was lost is told by its absence
    aligned = MSA_ALIGN.out.aligned
        .toSortedList { left, right -> left[0].id <=> right[0].id }
        .map { rows -> rows.collect { row -> row[1] } }
    MSA_REPORT(aligned, settings.report_parameters)
    report = MSA_REPORT.out.report
    multiqc = MSA_REPORT.out.multiqc
    failed = MSA_REPORT.out.failed

    emit:
    report  // channel: report.html
    multiqc // channel: custom content of MultiQC
    failed  // channel: table of the families that could not be aligned
}
