// The segment of one shard: its sequences, vectors and vector index.
process INDEX_SEGMENT {
    tag "${meta.id}"
    label 'process_low'

    container "${params.image_rhoma}"

    input:
    tuple val(meta), path(shard), path(store)
    path codebook // empty for exact search

    output:
    path "${prefix}.segment", emit: segment
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def shared = codebook ? "--codebook ${codebook}" : ''
    prefix = task.ext.prefix ?: meta.id
    """
    index.py segment --shard ${shard} --store ${store} --out ${prefix}.segment ${shared} --threads ${task.cpus} ${args}
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    mkdir ${prefix}.segment
    touch ${prefix}.segment/manifest.json
    """
}
