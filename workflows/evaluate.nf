// --workflow evaluate: a leak-proof benchmark from Rfam (or somebody's own set), every method on it, tables and report.

include { EVALUATE_ABLATE    } from '../modules/local/evaluate/ablate'
include { EVALUATE_DATASET   } from '../modules/local/evaluate/dataset'
include { EVALUATE_EMBEDDING } from '../modules/local/evaluate/embedding'
include { EVALUATE_INDEX     } from '../modules/local/evaluate/index'
include { EVALUATE_MSA       } from '../modules/local/evaluate/msa'
include { EVALUATE_REPORT    } from '../modules/local/evaluate/report'
include { EVALUATE_RUN       } from '../modules/local/evaluate/run'
include { EVALUATE_SPLIT     } from '../modules/local/evaluate/split'

workflow EVALUATE {
    take:
    settings // map: typed parameters
    encoder  // what encoderOf() returns
    rfam     // directory with Rfam; empty for a set of somebody's own
    split    // its split; empty for the model's, or a new one
    preset   // quick, standard or full

    main:
    tools = settings.tools ? file(settings.tools, glob: false) : []
    given = [settings.queries, settings.targets, settings.labels]
    own = settings.workflow == 'evaluate' && !settings.rfam ? given.collect { path -> file(path, glob: false) } : []

    if (settings.workflow == 'train' || settings.split || own) {
        parted = split
    }
    else if (settings.model_files && settings.model_files.resolve('split.tsv').exists()) {
        // the model was trained on one split, and only that split's test families are new to it
        parted = settings.model_files.resolve('split.tsv')
    }
    else {
        EVALUATE_SPLIT(rfam, 1)
        parted = EVALUATE_SPLIT.out.split
    }

    EVALUATE_DATASET(rfam, parted, own, tools, preset, 1)
    dataset = EVALUATE_DATASET.out.dataset
    databases = EVALUATE_DATASET.out.databases.splitText().map { line -> line.trim() }
    methods = EVALUATE_DATASET.out.methods.splitCsv(sep: '\t').map { row -> row[0] }

    EVALUATE_INDEX(databases, dataset, encoder)
    indexes = EVALUATE_INDEX.out.index.toSortedList { left, right -> left.name <=> right.name }
    EVALUATE_RUN(methods, dataset, indexes, encoder, tools, preset)
    runs = EVALUATE_RUN.out.run.toSortedList { left, right -> left.name <=> right.name }
    after = EVALUATE_RUN.out.run.count()

    parts = channel.empty()
    ablations = channel.value([])
    command = settings.workflow == 'train' ? 'nextflow run main.nf --workflow train' : "make benchmark PRESET=${preset}"
    if (own) {
        command = 'nextflow run main.nf --workflow evaluate --queries Q --targets T --labels L'
    }
    EVALUATE_EMBEDDING(dataset, rfam, parted, encoder, preset, after)
    parts = parts.mix(EVALUATE_EMBEDDING.out.part)
    if (!own) {
        plain = EVALUATE_INDEX.out.index.filter { index -> index.name == 'plain.index' }
        EVALUATE_MSA(dataset, plain, encoder, preset, after)
        parts = parts.mix(EVALUATE_MSA.out.part)
    }
    if (preset != 'quick') {
        EVALUATE_ABLATE(dataset, indexes, encoder, preset, after)
        ablations = EVALUATE_ABLATE.out.ablations.ifEmpty([])
    }
    EVALUATE_REPORT(
        dataset,
        runs,
        ablations,
        parts.toSortedList { left, right -> left.name <=> right.name },
        tools,
        preset,
        command,
    )
    tables = EVALUATE_REPORT.out.tables
    multiqc = EVALUATE_REPORT.out.multiqc

    emit:
    tables  // channel: tables, plots and report.html
    multiqc // channel: custom content of MultiQC
}
