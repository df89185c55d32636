// --workflow index, and the first part of a search with --database: shards of the database are embedded and indexed in
// tasks of their own, each of which can be repeated alone, and joined by links.

include { EMBED          } from '../modules/local/embed'
include { INDEX_CODEBOOK } from '../modules/local/index/codebook'
include { INDEX_JOIN     } from '../modules/local/index/join'
include { INDEX_SEGMENT  } from '../modules/local/index/segment'
include { INDEX_SPLIT    } from '../modules/local/index/split'
include { tellProgress   } from '../subworkflows/local/progress'

workflow INDEX {
    take:
    settings // map: typed parameters

    main:
    INDEX_SPLIT(file(settings.database, glob: false), settings.model_files, settings.model_name, settings.split_options)
    shards = INDEX_SPLIT.out.segments.flatten().map { shard -> [[id: "shard_${shard.name}"], shard] }
    windows = INDEX_SPLIT.out.sample.map { fasta -> [[id: 'sample'], fasta] }
    sequences = shards.map { meta, shard -> [meta, shard.resolve('representatives.fasta')] }
    EMBED(windows.mix(sequences), settings.encoder_model, '+', settings.device, '')

    sample = EMBED.out.store.filter { meta, _store -> meta.id == 'sample' }.map { _meta, store -> store }
    INDEX_CODEBOOK(INDEX_SPLIT.out.shards, sample)
    codebook = INDEX_CODEBOOK.out.codebook.ifEmpty([]).first()
    INDEX_SEGMENT(shards.join(EMBED.out.store), codebook)
    tellProgress(INDEX_SEGMENT.out.segment.map { _row -> 1 }, shards.map { _row -> 1 }, 'indexed', 'shards')
    // sorted, so that a resumed run finds its index
    segments = INDEX_SEGMENT.out.segment.toSortedList { left, right -> left.name <=> right.name }
    INDEX_JOIN(INDEX_SPLIT.out.shards, segments, codebook)
    index = INDEX_JOIN.out.index
    skipped = INDEX_JOIN.out.skipped

    emit:
    index   // value channel: index
    skipped // value channel: table of the records that were left out
}
