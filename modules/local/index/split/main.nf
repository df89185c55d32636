// A database in shards: exact and near copies behind their representatives, clustered over all shards.
process INDEX_SPLIT {
    label 'process_high'

    container "${params.image_rhoma}"

    input:
    path fasta
    path model, stageAs: 'model' // bundle that will embed it; empty for a published encoder as it is
    val name                     // of that published encoder; empty for a bundle
    val options

    output:
    path 'shards', emit: shards
    path 'shards/segments/*', emit: segments, type: 'dir'
    path 'shards/sample.fasta', emit: sample, optional: true
    path 'shards/skipped_records.tsv', emit: skipped
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions
    tuple val("${task.process}"), val('mmseqs2'), eval('mmseqs version'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    index.py split --fasta ${fasta} --out shards --model ${name ?: model} --threads ${task.cpus} ${options} ${args}
    """

    stub:
    // ext.stubs: how many shards to stand for
    def last = (task.ext.stubs ?: 2) - 1
    """
    mkdir shards
    touch shards/manifest.json shards/sample.fasta shards/skipped_records.tsv
    for shard in \$(seq -f %05.0f 0 ${last}); do
        mkdir -p shards/segments/\$shard
        touch shards/segments/\$shard/representatives.fasta
    done
    """
}
