// Ends the run at its start where X-INS-i is asked for and cannot run.
process MAFFT_CHECK {
    label 'process_single'

    // ext.image: which of the images it is looked for in
    container "${params[task.ext.image ?: 'image_rna_tools']}"

    output:
    tuple val("${task.process}"), val('mafft'), eval('mafft --version 2>&1 | cut -d " " -f 1'), topic: versions

    script:
    """
    fail() {
        echo "error: --aligner xinsi: \$1 is missing. Remedy: build MAFFT with its extensions (docs/usage.md), or use --aligner linsi or cm" >&2
        exit 1
    }
    command -v mafft-xinsi > /dev/null || fail mafft-xinsi
    prefix=\$(dirname "\$(dirname "\$(readlink -f "\$(command -v mafft-xinsi)")")")
    command -v mxscarnamod > /dev/null || [ -n "\$(find "\$prefix" -name mxscarnamod 2> /dev/null)" ] || fail mxscarnamod
    """

    stub:
    """
    true
    """
}
