// The known families of the queries of a batch and of their best hits, by the families' own models.
process QUERY_ANNOTATE {
    tag "${meta.id}"
    label 'process_medium'

    container "${params.image_rhoma}"

    input:
    tuple val(meta), path(fasta), path(found)
    path index
    path models
    path clans, stageAs: 'clans/*'
    val options

    output:
    tuple val(meta), path("${prefix}.annotated"), emit: found
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions
    tuple val("${task.process}"), val('infernal'), eval("cmscan -h | sed -n 's/^# INFERNAL \\([0-9.]*\\).*/\\1/p'"), topic: versions

    script:
    def args = task.ext.args ?: ''
    def clanin = clans ? "--clanin ${clans}" : ''
    prefix = task.ext.prefix ?: meta.id
    """
    query.py annotate --search ${found} --fasta ${fasta} --index ${index} --models ${models} ${clanin} \\
        --out ${prefix}.annotated --threads ${task.cpus} ${options} ${args}
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    mkdir ${prefix}.annotated
    touch ${prefix}.annotated/hits.tsv ${prefix}.annotated/families.tsv
    """
}
