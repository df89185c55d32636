// Jobs that fail in their first attempt, each with an exit status of its own.

process AGAIN {
    tag "${code}"
    label 'process_high'

    input:
    val code

    output:
    val code

    script:
    """
    exit ${task.attempt == 1 ? code : 0}
    """
}

process NOT_AGAIN {
    input:
    val codes
    val code

    script:
    """
    exit ${task.attempt == 1 ? code : 0} # after ${codes}
    """
}

workflow {
    AGAIN(channel.of(0, 137, 140, 143))
    NOT_AGAIN(AGAIN.out.collect(), 135)
}
