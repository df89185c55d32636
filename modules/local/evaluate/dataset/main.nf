// The benchmark: queries, databases with and without flanks, decoys, labels; and the methods that it is for.
process EVALUATE_DATASET {
    label 'process_medium'

    container "${params.image_rhoma}"

    input:
    path rfam, stageAs: 'rfam'
    path split, stageAs: 'split.tsv'
    path own, stageAs: 'own/*'           // queries, targets and labels instead of Rfam
    path tools, stageAs: 'tools.yml'
    val preset
    val seed

    output:
    path 'dataset', emit: dataset
    path 'databases.txt', emit: databases
    path 'methods.tsv', emit: methods
    tuple val("${task.process}"), val('rhoma'), eval('python3 -c "import rhoma; print(rhoma.__version__)"'), topic: versions

    script:
    def args = task.ext.args ?: ''
    def source = rfam ? "--rfam ${rfam} --split ${split}" : "--queries ${own[0]} --targets ${own[1]} --labels ${own[2]}"
    def more = tools ? "--tools ${tools}" : ''
    """
    evaluate.py dataset ${source} --preset ${preset} --seed ${seed} --out dataset --threads ${task.cpus} ${args}
    evaluate.py methods --preset ${preset} --dataset dataset ${more} > methods.tsv
    ls -d dataset/*/targets.fasta | cut -d / -f 2 > databases.txt
    """

    stub:
    """
    mkdir -p dataset/plain dataset/flanked dataset/seeds
    touch dataset/dataset.json
    printf 'plain\\nflanked\\n' > databases.txt
    printf 'rhoma-auto\\trhoma\\tstub\\nnhmmer\\ttool\\tstub\\n' > methods.tsv
    """
}
