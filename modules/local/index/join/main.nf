// The index bundle of finished segments, whose files are linked.
process INDEX_JOIN {
    label 'process_single'

    container "${params.image_rhoma}"

    input:
    path shards
    path segments, stageAs: 'segments/*'
    path codebook // empty for exact search

    output:
    path 'index', emit: index
    path 'index/skipped_records.tsv', emit: skipped
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def shared = codebook ? "--codebook ${codebook}" : ''
    """
    index.py join --shards ${shards} --segments segments ${shared} --out index ${args}
    """

    stub:
    """
    mkdir -p index/mmseqs
    touch index/manifest.json index/skipped_records.tsv index/mmseqs/db
    """
}
