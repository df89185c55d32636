// The index bundle of finished segments, whose files are linked.
process INDEX_JOIN {
    label 'process_single'

    container 'rhoma/rhoma:0.1.0'

    input:
    path shards
    path segments
    path codebook // empty for exact search

    output:
    path 'index', emit: index
    path 'index/skipped_records.tsv', emit: skipped
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def parts = (segments instanceof List ? segments : [segments]).collect { segment -> "--segment ${segment}" }
    def shared = codebook ? "--codebook ${codebook}" : ''
    """
    index.py join --shards ${shards} ${parts.join(' ')} ${shared} --out index ${args}
    """

    stub:
    """
    mkdir -p index/mmseqs
    touch index/manifest.json index/skipped_records.tsv index/mmseqs/db
    """
}
