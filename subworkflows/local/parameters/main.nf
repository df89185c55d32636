// Parameters and samplesheet, checked and cast by what nextflow_schema.json and assets/schema_input.json say.
// Functions and no plugin: a run needs nothing but Nextflow. Every check returns its problems as text, so that a user
// sees all of them at once.

// Returns the JSON document of a file.
def readJson(path) {
    return new groovy.json.JsonSlurper().parseText(file(path).text)
}

// Returns the schema's properties by name, in the order of its groups.
def schemaProperties(schema) {
    return schema['$defs'].values().inject([:]) { all, group -> all + group.properties }
}

// Returns the number of single-letter edits that turn one word into the other.
def editDistance(left, right) {
    def last = (0..right.size()).toList()
    left.toList().eachWithIndex { letter, row ->
        def next = [row + 1]
        right.toList().eachWithIndex { other, column ->
            next = next + [[next[column] + 1, last[column + 1] + 1, last[column] + (letter == other ? 0 : 1)].min()]
        }
        last = next
    }
    return last[-1]
}

// Returns the known name that is closest to one that is not known.
def nearestName(name, known) {
    def plain = name.toLowerCase().replace('-', '_')
    return known.min { candidate -> editDistance(plain, candidate) }
}

// Returns the value in the type that the schema asks for, or null where it cannot be read as that.
def castValue(value, type) {
    def text = value.toString().trim()
    if (type == 'integer') {
        def whole = text ==~ /[+-]?\d{1,18}(\.0+)?/
        return whole ? text.replaceFirst(/\.0+$/, '').toLong() : null
    }
    if (type == 'number') {
        return text ==~ /[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?/ ? text.toBigDecimal() : null
    }
    if (type == 'boolean') {
        return text in ['true', 'false'] ? text == 'true' : null
    }
    // Nextflow reads `--outdir 2024` as a number: any plain value is a string
    return value instanceof Map || value instanceof List || value instanceof Boolean ? null : value.toString()
}

// Returns in words what the schema expects of a value.
def expectation(property) {
    def kinds = [integer: 'a whole number', number: 'a number', boolean: 'true or false', string: 'text']
    if (property.errorMessage) {
        return property.errorMessage
    }
    if (property['enum']) {
        return "one of ${property['enum'].join(', ')}"
    }
    if (property.format == 'file-path' || property.format == 'directory-path') {
        return property.format == 'file-path' ? 'the path of a file' : 'the path of a directory'
    }
    def bounds = []
    if (property.minimum != null) {
        bounds = bounds + ["at least ${property.minimum}"]
    }
    if (property.exclusiveMinimum != null) {
        bounds = bounds + ["above ${property.exclusiveMinimum}"]
    }
    if (property.maximum != null) {
        bounds = bounds + ["at most ${property.maximum}"]
    }
    return ([kinds[property.type]] + bounds).join(', ')
}

// Returns whether a cast value keeps the schema's enum, bounds and pattern.
def isAllowed(value, property) {
    if (property['enum'] && !(value in property['enum'])) {
        return false
    }
    if (property.minimum != null && value < property.minimum) {
        return false
    }
    if (property.exclusiveMinimum != null && value <= property.exclusiveMinimum) {
        return false
    }
    if (property.maximum != null && value > property.maximum) {
        return false
    }
    return !(property.pattern && !(value =~ property.pattern).find())
}

// Returns the problem of a path that the schema wants to exist, or null.
def pathProblem(value, property) {
    if (!property.exists) {
        return null
    }
    def path = file(value, glob: false)
    if (!path.exists()) {
        return property.format == 'directory-path' ? 'there is no such directory' : 'there is no such file'
    }
    if (property.format == 'file-path' && path.isDirectory()) {
        return 'that is a directory, a file is expected'
    }
    if (property.format == 'directory-path' && !path.isDirectory()) {
        return 'that is a file, a directory is expected'
    }
    return null
}

// Returns [value, problem] of one value: problem is null where the value keeps the schema.
def checkValue(label, raw, property) {
    def value = castValue(raw, property.type)
    if (value == null || !isAllowed(value, property)) {
        return [null, "${label} '${raw}': expected ${expectation(property)}"]
    }
    def problem = pathProblem(value, property)
    return [value, problem ? "${label} '${raw}': ${problem}" : null]
}

// Returns [values, problems]: every parameter of the schema in its type (null where unset), and what is wrong.
def checkParameters(schema, given) {
    def properties = schemaProperties(schema)
    def values = [:]
    def problems = []
    given.each { name, raw ->
        if (!properties.containsKey(name)) {
            problems << "--${name}: there is no such parameter; did you mean --${nearestName(name, properties.keySet().toList())}?"
        }
        else if (raw != null) {
            // families may lie in a directory or be named by a pattern
            def property = name == 'input' && given.workflow == 'msa' ? properties[name] + [exists: false] : properties[name]
            def checked = checkValue("--${name}", raw, property)
            values[name] = checked[0]
            if (checked[1]) {
                problems << checked[1]
            }
        }
    }
    def required = schema['$defs'].values().collectMany { group -> group.required ?: [] }
    required.findAll { name -> given[name] == null }.each { name ->
        problems << "--${name}: a value is needed: ${properties[name].description}"
    }
    return [properties.collectEntries { name, _property -> [name, values[name]] }, problems]
}

// Returns the settings of a YAML file, or null where it holds none.
def readSettings(path) {
    try {
        def settings = new org.yaml.snakeyaml.Yaml().load(file(path, glob: false).text)
        return settings instanceof Map ? settings : null
    }
    catch (org.yaml.snakeyaml.error.YAMLException _problem) {
        return null
    }
}

// Returns what a workflow needs beyond the schema and does not get.
def workflowProblems(values) {
    def problems = []
    if (values.workflow == 'search') {
        if (!values.input) {
            problems << '--input: a FASTA file or a samplesheet with the queries is needed'
        }
        if (!values.database == !values.index) {
            problems << "--database or --index: ${values.database ? 'give one of them, not both' : 'one of them is needed'}"
        }
    }
    if (values.model_dir) {
        def weights = file(values.model_dir, glob: false)
        if (!weights.resolve('config.json').exists() || !weights.list().any { name -> name ==~ /.*\.(safetensors|bin)/ }) {
            problems << "--model_dir '${values.model_dir}': no download of a published encoder (config.json and *.safetensors are expected)"
        }
    }
    if (values.model && !file(values.model, glob: false).exists()) {
        if (!values.model_dir) {
            problems << "--model '${values.model}': there is no such directory; for a published encoder give --model_dir too"
        }
        else if (!(values.model ==~ '[A-Za-z0-9][A-Za-z0-9._-]*')) {
            problems << "--model '${values.model}': neither a directory nor the name of an encoder"
        }
    }
    if (values.workflow == 'evaluate') {
        def own = [values.queries, values.targets, values.labels].count { path -> path }
        if (values.rfam ? values.queries || values.targets : own < 3) {
            problems << '--rfam, or --queries, --targets and --labels: the benchmark is made of one or the other'
        }
        if (values.preset == 'jiang2025') {
            problems << "--preset 'jiang2025': expected one of quick, standard, full for this workflow"
        }
    }
    if (values.workflow == 'train') {
        if (!values.rfam == !values.rfam_release) {
            problems << "--rfam or --rfam_release: ${values.rfam ? 'give one of them, not both' : 'one of them is needed'}"
        }
        if (values.preset && values.preset != 'jiang2025') {
            problems << "--preset '${values.preset}': expected jiang2025 for this workflow"
        }
        def settings = values.train_config ? readSettings(values.train_config) : [:]
        if (settings == null) {
            problems << "--train_config '${values.train_config}': no YAML with settings"
        }
        // the parameter wins over the file, and the file over the preset
        def encoder = values.encoder ?: settings?.encoder ?: (values.preset ? 'rinalmo-giga' : 'words')
        if (!(encoder in ['words', 'compact']) && !values.model_dir) {
            problems << "--model_dir: the directory with the weights of the published encoder ${encoder} is needed"
        }
    }
    if (values.rfam_clanin && !values.rfam_cm) {
        problems << '--rfam_clanin: the models of the families are needed too, --rfam_cm'
    }
    if (values.workflow == 'msa' && !values.input) {
        problems << '--input: a FASTA file of homologs, a directory or pattern of such files, or a samplesheet is needed'
    }
    if (values.workflow == 'index' && !values.database) {
        problems << '--database: a FASTA file with the sequences to index is needed'
    }
    return problems
}

// Returns why nothing can be written into the output directory, or null.
def outputProblem(outdir) {
    try {
        def directory = file(outdir, glob: false)
        directory.mkdirs()
        def probe = directory.resolve('.rhoma-probe')
        probe.text = ''
        probe.delete()
        return null
    }
    catch (IOException problem) {
        return "--outdir '${outdir}': cannot be written to (${problem.class.simpleName}); give a directory of yours"
    }
}

// Returns the fields of a line of CSV; quotes may hold commas.
def csvFields(line) {
    def fields = (line =~ /\s*(?:"((?:[^"]|"")*)"|([^,"]*))\s*(?:,|$)/).collect { found ->
        found[1] != null ? found[1].replace('""', '"') : found[2].trim()
    }
    // the expression also finds the empty end of the line, unless the line ends in a comma
    return line.endsWith(',') || fields.size() == 1 ? fields : fields.init()
}

// Returns [rows, problems] of a samplesheet: rows as maps, paths resolved beside the samplesheet.
def checkSamplesheet(schema, path) {
    def sheet = file(path, glob: false)
    def lines = sheet.text.replace('\uFEFF', '').readLines().findAll { line -> line.trim() }
    def columns = schema.items.properties
    if (lines.size() < 2) {
        return [[], ["${sheet.name}: no rows; a header '${columns.keySet().join(',')}' and at least one row are expected"]]
    }
    def header = csvFields(lines[0])
    def missing = (schema.items.required - header).collect { name -> "${sheet.name}: column '${name}' is missing" }
    def unknown = (header - columns.keySet().toList()).collect { name ->
        "${sheet.name}: unknown column '${name}'; the columns are ${columns.keySet().join(', ')}"
    }
    if (missing || unknown) {
        return [[], missing + unknown]
    }
    def rows = []
    def problems = []
    lines.drop(1).eachWithIndex { line, number ->
        def place = "${sheet.name}, row ${number + 1}"
        def fields = csvFields(line)
        if (fields.size() != header.size()) {
            problems << "${place}: ${fields.size()} fields where the header has ${header.size()}"
        }
        else {
            def row = [header, fields].transpose().collectEntries { pair -> pair }
            row.fasta = row.fasta ? sheet.parent.resolve(row.fasta).toString() : ''
            columns.each { name, property ->
                def problem = row[name] ? checkValue("${place}: ${name}", row[name], property)[1] : "${place}: ${name} is empty"
                if (problem) {
                    problems << problem
                }
            }
            rows << row
        }
    }
    rows.countBy { row -> row.id }.findAll { _id, count -> count > 1 }.each { id, count ->
        problems << "${sheet.name}: id '${id}' is there ${count} times; ids must differ"
    }
    return [rows, problems]
}

// Returns whether the network of a bundle needs torch: onnxruntime runs those that come as a graph.
def needsTorch(bundle) {
    return !bundle.resolve('network.onnx').exists()
}

// Returns a model as the processes take it: its bundle (empty for a published encoder as it is), the weights of a published
// encoder (empty where it needs none), the name of one without bundle, and whether it needs torch.
def encoderOf(bundle, weights, name) {
    return [bundle, weights, name, !bundle || needsTorch(bundle)]
}

// Returns [families, problems]: the FASTA files that a file, a directory or a pattern names, each with the name of its
// family, which is that of the file without its endings.
def familyFiles(input) {
    def given = file(input, glob: false)
    def paths = given.exists() && !given.isDirectory() ? [given] : files(given.exists() ? "${input}/*" : input)
    def wanted = paths.findAll { path -> paths.size() == 1 || path.name ==~ /(?i).*\.(fasta|fas|fa|fna)(\.b?gz)?/ }
    if (!wanted) {
        return [[], ["--input '${input}': ${given.exists() ? 'no FASTA file (.fasta, .fa, .fna, .fas, or these with .gz) is in it' : 'there is no such file'}"]]
    }
    def families = wanted.sort { path -> path.name }.collect { path ->
        [id: path.name.replaceFirst(/(?i)\.b?gz$/, '').replaceFirst(/\.[^.]*$/, '').replaceAll(/\s/, '_'), fasta: path.toString()]
    }
    def problems = families.countBy { family -> family.id }.findAll { _id, count -> count > 1 }.collect { id, count ->
        "--input '${input}': ${count} files are of a family '${id}'; rename them"
    }
    return [families, problems]
}

// Returns the typed parameters and what the processes make of them: `query_files`, `samplesheet` (of the queries as
// they are staged), `families` (id and fasta), the encoder (`model_files`, `model_weights`; `encoder_model` is encoderOf() of them, `align_encoder`
// too where alignments are made by it), options of commands. Ends the run, naming every problem, where there are any.
def readParameters(given, projectDir) {
    def checked = checkParameters(readJson("${projectDir}/nextflow_schema.json"), given)
    def values = checked[0]
    def problems = checked[1] ?: workflowProblems(values)
    def rows = []
    if (!problems && values.input?.toLowerCase()?.endsWith('.csv') && file(values.input, glob: false).exists()) {
        def sheet = checkSamplesheet(readJson("${projectDir}/assets/schema_input.json"), values.input)
        rows = sheet[0]
        problems = sheet[1]
    }
    else if (!problems && values.workflow == 'msa') {
        def found = familyFiles(values.input)
        rows = found[0]
        problems = found[1]
    }
    if (!problems) {
        problems = [outputProblem(values.outdir)].findAll { problem -> problem }
    }
    if (problems) {
        error("rhoma cannot start:\n${problems.collect { problem -> "  - ${problem}" }.join('\n')}\nRun with --help for what each parameter means.")
    }
    def named = values.model && !file(values.model, glob: false).exists()
    def bundle = named ? [] : file(values.model ?: "${projectDir}/assets/encoder", glob: false)
    def weights = values.model_dir ? file(values.model_dir, glob: false) : []
    def encoder = encoderOf(bundle, weights, named ? values.model : '')
    return values + [
        families: values.workflow == 'msa' ? rows : [],
        query_files: rows ? rows.collect { row -> row.fasta } : [values.input],
        samplesheet: rows ? stagedSamplesheet(rows) : '',
        model_files: bundle,
        model_weights: weights,
        encoder_model: encoder,
        align_encoder: values.aligner == 'embed' ? encoder : [[], [], '', false],
        model_name: named ? values.model : '',
        split_options: splitOptions(values),
        search_options: searchOptions(values),
        align_options: alignOptions(values),
        family_options: familyOptions(values),
        annotate_options: "--evalue ${values.evalue} --hits ${values.rfam_hits}",
        report_parameters: reportParameters(values, rows),
    ]
}

// Returns the parameters that the report shows as JSON, with the names of all families where families are aligned.
def reportParameters(values, rows) {
    def shown = values.findAll { name, value -> value != null && !(name in unreported()) }
    def families = values.workflow == 'msa' ? [families: rows.collect { row -> row.id }] : [:]
    return groovy.json.JsonOutput.toJson(shown + families)
}

// Returns the parameters that change no result: the same search gives the same report, wherever it goes.
def unreported() {
    def where = ['outdir', 'publish_dir_mode', 'trace_report_suffix', 'save_index', 'queue', 'gpu_queue', 'custom_config_base']
    def images = ['image_registry', 'image_rhoma', 'image_rhoma_gpu', 'image_rna_tools', 'image_multiqc']
    return ['help', 'version', 'skip_multiqc', 'multiqc_title', 'multiqc_config'] + where + images
}

// Returns what to mind of images that are named by tag, where any are: a tag can be moved, a digest cannot.
def tagsProblem(values) {
    def names = values.findAll { name, image -> name ==~ /image_(?!registry).*/ && !image.startsWith('/') && !image.contains('@sha256:') }
    return names ? "images are named by tag and not by digest, unless a -c file names others: ${names.values().join(', ')}. A release's images.yml has digests: -params-file images.yml" : ''
}

// Returns a field of CSV.
def quoted(text) {
    return '"' + text.replace('"', '""') + '"'
}

// Returns the samplesheet with the paths that a task has: input1/<name>, input2/<name>, ...
def stagedSamplesheet(rows) {
    def lines = rows.withIndex().collect { row, place ->
        "${quoted(row.id)},${quoted("input${place + 1}/${file(row.fasta, glob: false).name}")}\n"
    }
    return 'id,fasta\n' + lines.join('')
}

// Returns the options of `index.py split`.
def splitOptions(values) {
    return "--shard-windows ${values.shard_windows}" + (values.strict ? ' --strict' : '')
}

// Returns the options of `query.py search`.
def searchOptions(values) {
    def names = ['evalue', 'iterations', 'shortlist', 'longest_shortlist', 'effort', 'seed']
    return names.collect { name -> "--${name.replace('_', '-')} ${values[name]}" }.join(' ')
}

// Returns the options of `query.py align`.
def alignOptions(values) {
    return "--evalue ${values.evalue} ${familyOptions(values)}"
}

// Returns the options of `align.py`.
def familyOptions(values) {
    return "--max-homologs ${values.max_homologs} --aligner ${values.aligner} --seed ${values.seed}" + (values.calibrate ? ' --calibrate' : '')
}

// Returns the help: parameters by group with type, default and meaning, and examples.
def helpText(schema, version) {
    def groups = schema['$defs'].values().collect { group ->
        def rows = group.properties.findAll { _name, property -> !property.hidden }.collect { name, property ->
            def kind = property['enum'] ? property['enum'].join('|') : property.type
            def preset = property.default != null ? " [${property.default}]" : ''
            "  --${name.padRight(14)} ${kind}${preset}\n${' ' * 19}${property.description}"
        }
        "${group.title}\n${rows.join('\n')}"
    }
    return """rhoma ${version}: ${schema.description}

Usage
  nextflow run main.nf --input queries.fasta --database db.fasta --outdir out
  nextflow run main.nf --workflow index --database db.fasta --outdir out
  nextflow run main.nf --input queries.fasta --index out/index --outdir out
  nextflow run main.nf --workflow msa --input families/ --outdir out
  nextflow run main.nf -profile demo

${groups.join('\n\n')}

Parameters in a file: -params-file my.yml. Details: docs/usage.md, docs/output.md.
"""
}
