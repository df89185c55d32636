// Checks an index that was built before: its manifest, and that all files have their sizes. Their checksums are compared
// on demand (index.py verify).
process INDEX_VERIFY {
    label 'process_single'

    container "${params.image_rhoma}"

    input:
    path index

    output:
    val true, emit: verified
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    index.py verify --sizes ${index} ${args}
    """

    stub:
    """
    test -d ${index}
    """
}
