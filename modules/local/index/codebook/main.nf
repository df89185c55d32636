// What the approximate indexes of all shards share, trained with the vectors of a sample of windows.
process INDEX_CODEBOOK {
    label 'process_low'

    container "${params.image_rhoma}"

    input:
    path shards
    path store

    output:
    path 'codebook', emit: codebook
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    index.py codebook --shards ${shards} --store ${store} --out codebook --threads ${task.cpus} ${args}
    """

    stub:
    """
    mkdir codebook
    touch codebook/manifest.json
    """
}
