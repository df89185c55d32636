// A release of Rfam from its server, checked, as the directory that training reads. The one process that needs a network.
process TRAIN_FETCH {
    tag "${release}"
    label 'process_single'
    label 'process_long'

    container "${params.image_rhoma}"

    input:
    val release
    val url

    output:
    path 'rfam', emit: rfam
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    train.py fetch --release ${release} --base-url '${url}' --out rfam ${args}
    """

    stub:
    """
    mkdir rfam
    touch rfam/families.tsv rfam/seed.sto.gz rfam/members.fa.gz
    """
}
