#!/usr/bin/env nextflow
// Rhoma: the homologs of an RNA, with E-values and structure-aware alignments. What runs is chosen by --workflow.

include { INDEX_VERIFY                                                   } from './modules/local/index/verify'
include { encoderOf ; helpText ; readJson ; readParameters ; tagsProblem } from './subworkflows/local/parameters'
include { holdOutput                                                     } from './subworkflows/local/output_lock'
include { tellResults                                                    } from './subworkflows/local/progress'
include { RUN_RECORDS                                                    } from './subworkflows/local/run_records'
include { SUMMARY                                                        } from './subworkflows/local/summary'
include { EVALUATE                                                       } from './workflows/evaluate'
include { INDEX                                                          } from './workflows/index'
include { MSA                                                            } from './workflows/msa'
include { SEARCH                                                         } from './workflows/search'
include { TRAIN                                                          } from './workflows/train'

workflow {
    main:
    if ("${params.help}" == 'true') {
        println(helpText(readJson("${projectDir}/nextflow_schema.json"), workflow.manifest.version))
    }
    else if ("${params.version}" == 'true') {
        println("rhoma ${workflow.manifest.version}")
    }
    else {
        def settings = readParameters(params, projectDir)
        holdOutput(settings.outdir)
        tellResults(settings)
        if (workflow.containerEngine && tagsProblem(settings)) {
            log.warn(tagsProblem(settings))
        }
        content = channel.empty()
        failed = channel.empty()
        if (settings.workflow == 'index') {
            INDEX(settings)
        }
        else if (settings.workflow == 'evaluate') {
            rfam = settings.rfam ? file(settings.rfam, glob: false) : []
            split = settings.split ? file(settings.split, glob: false) : []
            EVALUATE(settings, settings.encoder_model, rfam, split, settings.preset ?: 'quick')
            content = EVALUATE.out.multiqc
        }
        else if (settings.workflow == 'train') {
            TRAIN(settings)
            if (settings.evaluation != 'none') {
                encoder = TRAIN.out.bundle.map { bundle -> encoderOf(bundle, settings.model_weights, '') }
                EVALUATE(settings, encoder, TRAIN.out.rfam, TRAIN.out.split, settings.evaluation)
                content = EVALUATE.out.multiqc
            }
        }
        else if (settings.workflow == 'msa') {
            MSA(settings)
            content = MSA.out.multiqc
            failed = MSA.out.failed
        }
        else if (settings.workflow == 'search') {
            if (settings.database) {
                INDEX(settings)
                index = INDEX.out.index
                left_out = INDEX.out.skipped
            }
            else {
                INDEX_VERIFY(file(settings.index, glob: false))
                index = INDEX_VERIFY.out.verified.map { _name -> file(settings.index, glob: false) }
                table = file("${settings.index}/skipped_records.tsv", glob: false)
                left_out = table.exists() ? table : []
            }
            SEARCH(settings, index, left_out)
            content = SEARCH.out.multiqc
            failed = SEARCH.out.failed
        }
        SUMMARY(settings, content, failed, settings.workflow == 'msa' ? 'families could not be aligned' : 'queries could not be searched')
        RUN_RECORDS(settings, SUMMARY.out.versions)
    }
}
