// Ends a run with an error where queries or families failed: the last thing to do, when the results of all others are published.
process QUERY_VERDICT {
    label 'process_single'

    container "${params.image_rhoma}"
    errorStrategy 'finish'

    input:
    path failed
    val what
    val _after // the last of what is made besides

    script:
    """
    echo "\$((\$(wc -l < ${failed}) - 1)) ${what} (failed.tsv):" >&2
    tail -n +2 ${failed} | head -n 20 >&2
    exit 1
    """

    stub:
    """
    true
    """
}
