// One run at a time writes into an output directory: the results of two would be mixed.

// Keeps the directory for this run until it ends, in whatever way; ends the run where another one has it. Where there are no
// locks (buckets, some network file systems) nothing is kept.
def holdOutput(outdir) {
    def directory = file("${outdir}/pipeline_info", glob: false)
    if (directory.toUri().scheme != 'file') {
        return null
    }
    directory.mkdirs()
    def options = [java.nio.file.StandardOpenOption.CREATE, java.nio.file.StandardOpenOption.WRITE] as Set
    def handle = java.nio.channels.FileChannel.open(directory.resolve('.lock'), options)
    if (isTaken(handle)) {
        error("rhoma cannot start:\n  - --outdir '${outdir}': another run is writing there; wait for its end, or give another directory")
    }
    // also holds on to the handle: with it goes the lock
    workflow.onComplete { handle.close() }
    return handle
}

// Returns whether another process has locked a file, after trying to lock it.
def isTaken(handle) {
    try {
        return handle.tryLock() == null
    }
    catch (IOException _problem) {
        return false
    }
}
