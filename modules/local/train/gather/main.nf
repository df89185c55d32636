// What the batches kept, as one directory of the same form as Rfam's.
process TRAIN_GATHER {
    label 'process_single'

    container "${params.image_rhoma}"

    input:
    path rfam, stageAs: 'rfam'
    path kept, stageAs: 'kept/*'

    output:
    path 'filtered', emit: rfam
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    train.py gather --rfam ${rfam} --kept kept --out filtered ${args}
    """

    stub:
    """
    mkdir filtered
    touch filtered/families.tsv filtered/seed.sto.gz filtered/members.fa.gz
    """
}
