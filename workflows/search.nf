// --workflow search: from queries and an index to hits, alignments and a report.

include { EMBED as EMBED_QUERIES } from '../modules/local/embed'
include { MAFFT_ALIGN            } from '../modules/local/mafft/align'
include { MAFFT_CHECK            } from '../modules/local/mafft/check'
include { MMSEQS_SEARCH          } from '../modules/local/mmseqs/search'
include { QUERY_ALIGN            } from '../modules/local/query/align'
include { QUERY_ANNOTATE         } from '../modules/local/query/annotate'
include { QUERY_HOMOLOGS         } from '../modules/local/query/homologs'
include { QUERY_PREPARE          } from '../modules/local/query/prepare'
include { QUERY_PRESS            } from '../modules/local/query/press'
include { QUERY_REPORT           } from '../modules/local/query/report'
include { QUERY_SEARCH           } from '../modules/local/query/search'
include { tellProgress           } from '../subworkflows/local/progress'

workflow SEARCH {
    take:
    settings // map: typed parameters
    index    // value channel: index bundle
    left_out // value channel: table of the database's records that were left out; empty where there is none

    main:
    QUERY_PREPARE(settings.query_files.collect { path -> file(path, glob: false) }, settings.samplesheet, settings.batch_size)
    batches = QUERY_PREPARE.out.batches.flatten().map { fasta -> [[id: fasta.baseName, queries: fasta.countFasta()], byContent(fasta)] }

    EMBED_QUERIES(batches, settings.encoder_model, 'both', settings.device, '')
    MMSEQS_SEARCH(batches, index)
    sizeOf = { row -> row[0].queries }
    retrieved = batches
        .join(EMBED_QUERIES.out.store, failOnDuplicate: true)
        .join(MMSEQS_SEARCH.out.hits, failOnDuplicate: true)
    labels = settings.labels ? file(settings.labels, glob: false) : []
    QUERY_SEARCH(retrieved, index, labels, settings.search_options)
    tellProgress(QUERY_SEARCH.out.found.map(sizeOf), batches.map(sizeOf), 'searched', 'queries')

    if (settings.rfam_cm) {
        QUERY_PRESS(file(settings.rfam_cm, glob: false))
        clans = settings.rfam_clanin ? file(settings.rfam_clanin, glob: false) : []
        searched = batches.join(QUERY_SEARCH.out.found, failOnDuplicate: true)
        QUERY_ANNOTATE(searched, index, QUERY_PRESS.out.pressed.first(), clans, settings.annotate_options)
        results = QUERY_ANNOTATE.out.found
    }
    else {
        results = QUERY_SEARCH.out.found
    }

    found = batches.join(results, failOnDuplicate: true)
    if (settings.aligner in ['auto', 'structural', 'embed', 'cm']) {
        mafft = found.map { meta, _fasta, _found -> [meta, []] }
    }
    else {
        if (settings.aligner == 'xinsi') {
            MAFFT_CHECK()
        }
        QUERY_HOMOLOGS(found, index, settings.align_options)
        MAFFT_ALIGN(QUERY_HOMOLOGS.out.homologs, settings.aligner)
        mafft = MAFFT_ALIGN.out.alignments
    }
    QUERY_ALIGN(found.join(mafft, failOnDuplicate: true), index, settings.align_encoder, settings.align_options)
    tellProgress(QUERY_ALIGN.out.aligned.map(sizeOf), batches.map(sizeOf), 'aligned', 'queries')

    // sorted, so that a resumed run finds its report; empty lists where every query was skipped
    QUERY_REPORT(
        inOrder(batches),
        inOrder(results),
        inOrder(QUERY_ALIGN.out.aligned),
        QUERY_PREPARE.out.skipped,
        left_out,
        settings.report_parameters,
        settings.evalue,
    )
    hits = QUERY_REPORT.out.hits
    report = QUERY_REPORT.out.report
    multiqc = QUERY_REPORT.out.multiqc
    failed = QUERY_REPORT.out.failed

    emit:
    hits    // channel: hits.tsv
    report  // channel: report.html
    multiqc // channel: custom content of MultiQC
    failed  // channel: table of the queries that could not be searched
}

// Returns a copy of a file in a place that its content names: a batch that another run has prepared in the same way is the
// same file to -resume, so that one more query does not search all others again.
def byContent(fasta) {
    def text = fasta.text
    def place = workflow.workDir.resolve("batches/${text.sha256()}/${fasta.name}")
    // one that was damaged since is made anew
    if (!place.exists() || place.text != text) {
        def draft = place.parent.resolve("${workflow.sessionId}.part")
        place.parent.mkdirs()
        fasta.copyTo(draft)
        place.delete()
        draft.moveTo(place)
    }
    return place
}

// Returns a channel of one list: the files of all batches, by batch.
def inOrder(batches) {
    return batches.toSortedList { left, right -> left[0].id <=> right[0].id }.map { rows -> rows.collect { row -> row[1] } }
}
