// The models of known families in the form that cmscan reads; made once a run.
process QUERY_PRESS {
    label 'process_single'

    container "${params.image_rhoma}"

    input:
    path models, stageAs: 'input/*'

    output:
    path 'families_of_models', emit: pressed
    tuple val("${task.process}"), val('infernal'), eval("cmpress -h | sed -n 's/^# INFERNAL \\([0-9.]*\\).*/\\1/p'"), topic: versions

    script:
    def args = task.ext.args ?: ''
    """
    query.py press --cm ${models} --out families_of_models ${args}
    """

    stub:
    """
    mkdir families_of_models
    """
}
