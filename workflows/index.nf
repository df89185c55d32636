// --workflow index, and the first part of a search with --database: vectors, then the bundle that holds them.

include { EMBED       } from '../modules/embed'
include { INDEX_BUILD } from '../modules/index/build'

workflow INDEX {
    take:
    settings // map: typed parameters

    main:
    fasta = channel.of([[id: 'database'], file(settings.database, glob: false)])
    EMBED(fasta, settings.encoder_model, '+', settings.device, settings.database_options)
    INDEX_BUILD(fasta.join(EMBED.out.store, failOnDuplicate: true), settings.database_options)
    index = INDEX_BUILD.out.index.first()
    skipped = INDEX_BUILD.out.skipped.first()

    emit:
    index   // value channel: index
    skipped // value channel: table of the records that were left out
}
