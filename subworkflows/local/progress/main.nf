// How far the long steps of a run are, and where its results lie, in Nextflow's log.

// Logs how many parts of a step are done ("searched: 312 of 1,000 queries"), at every twentieth of them.
def tellProgress(done, all, what, parts) {
    def seen = [].asSynchronized()
    done.combine(all.sum()).subscribe { count, total ->
        def before = seen.sum() ?: 0
        seen << count
        if ((20 * before).intdiv(total) < (20 * (before + count)).intdiv(total)) {
            log.info("${what}: ${String.format(Locale.ROOT, '%,d of %,d', before + count, total)} ${parts}")
        }
    }
}

// Logs where the results are when a run has ended well.
def tellResults(settings) {
    def main = [
        search: 'report.html',
        msa: 'report.html',
        index: 'index',
        train: 'encoder',
        evaluate: "${settings.preset ?: 'quick'}/report.html",
    ]
    // at the end of a run, what is called knows no workflow
    def run = workflow
    run.onComplete {
        if (run.success) {
            log.info("Results: ${settings.outdir}/${main[settings.workflow]}")
        }
    }
}
