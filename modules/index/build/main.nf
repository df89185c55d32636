// The index bundle: vectors and the MMseqs2 database of a set of sequences.
process INDEX_BUILD {
    tag "${meta.id}"
    label 'process_high'

    container 'rhoma/rhoma:0.1.0'

    input:
    tuple val(meta), path(fasta), path(store)
    val options

    output:
    path 'index', emit: index
    path 'index/skipped_records.tsv', emit: skipped
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions
    tuple val("${task.process}"), val('mmseqs2'), eval('mmseqs version'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    index.py build --fasta ${fasta} --store ${store} --out index --threads ${task.cpus} \\
        ${options} ${args}
    """

    stub:
    """
    mkdir -p index/mmseqs
    touch index/manifest.json index/skipped_records.tsv index/mmseqs/db
    """
}
