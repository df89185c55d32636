// --workflow train: from a release of Rfam, or a directory with one, to a model bundle, which is measured afterwards.

include { EVALUATE_SPLIT as TRAIN_SPLIT } from '../modules/local/evaluate/split'
include { TRAIN_DEDUPLICATE             } from '../modules/local/train/deduplicate'
include { TRAIN_FETCH                   } from '../modules/local/train/fetch'
include { TRAIN_GATHER                  } from '../modules/local/train/gather'
include { TRAIN_PREPARE                 } from '../modules/local/train/prepare'
include { TRAIN_RUN                     } from '../modules/local/train/run'

workflow TRAIN {
    take:
    settings // map: typed parameters

    main:
    config = settings.train_config ? file(settings.train_config, glob: false) : []
    preset = settings.preset ?: ''
    if (settings.rfam_release) {
        TRAIN_FETCH(settings.rfam_release, settings.rfam_url)
        rfam = TRAIN_FETCH.out.rfam
    }
    else {
        rfam = channel.value(file(settings.rfam, glob: false))
    }

    TRAIN_PREPARE(rfam, config, settings.encoder ?: '', preset, settings.families_per_task)
    TRAIN_DEDUPLICATE(TRAIN_PREPARE.out.batches.flatten())
    // sorted, so that a resumed run finds what it made
    kept = TRAIN_DEDUPLICATE.out.kept.toSortedList { left, right -> left.name <=> right.name }
    TRAIN_GATHER(rfam, kept)
    filtered = TRAIN_GATHER.out.rfam

    if (settings.split) {
        split = channel.value(file(settings.split, glob: false))
    }
    else {
        TRAIN_SPLIT(filtered, settings.seed)
        split = TRAIN_SPLIT.out.split
    }
    TRAIN_RUN(filtered, split, config, settings.model_weights, settings.encoder ?: '', preset, settings.device)
    bundle = TRAIN_RUN.out.bundle

    emit:
    bundle // channel: model bundle
    rfam = filtered // channel: directory with the sequences that were used
    split // channel: families of training, validation and test
}
