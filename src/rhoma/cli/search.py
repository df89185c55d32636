"""``rhoma search``: a whole search, from FASTA to report, without Nextflow."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rhoma.cli.common import Device, ModelDir, Quiet, Strict, Threads, new_app, progress, set_up_logging, use_threads
from rhoma.cli.options import (
    AlignerOption,
    Calibrate,
    EffortOption,
    EvalueOption,
    Iterations,
    Labels,
    LongestShortlist,
    MaxHomologs,
    QueryModel,
    ReportEvalue,
    SearchSeed,
    ShortlistOption,
    search_config,
)

# \b keeps the lines as they are
_EXAMPLES = """\b
Examples:
  rhoma search queries.fasta database.fasta.gz -o results
  rhoma search queries.fasta database.fasta -o results --save-index index
  rhoma search more.fasta index -o more_results --effort fast --threads 8
  rhoma search queries.fasta index -o named --rfam-cm Rfam.cm.gz --rfam-clanin Rfam.clanin
"""

app = new_app()


@app.command(epilog=_EXAMPLES)
def search(
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES", help="FASTA (plain, gzip, bgzip), or a CSV with columns id and fasta.")
    ],
    database: Annotated[
        Path, typer.Argument(metavar="DATABASE", help="FASTA, or the directory of an index ('rhoma index build').")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make.")],
    effort: EffortOption = "auto",
    evalue: EvalueOption = 1e-3,
    report_evalue: ReportEvalue = 10.0,
    iterations: Iterations = 5,
    shortlist: ShortlistOption = 1000,
    longest_shortlist: LongestShortlist = 32_000,
    max_homologs: MaxHomologs = 5_000,
    aligner: AlignerOption = "auto",
    calibrate: Calibrate = False,
    no_align: Annotated[bool, typer.Option("--no-align", help="Tables and report only, no alignments.")] = False,
    labels: Labels = None,
    rfam_cm: Annotated[
        Path | None,
        typer.Option(
            "--rfam-cm",
            "--rfam_cm",
            help="Models of known families, Rfam.cm (may be gzip): queries and their best hits are asked about theirs.",
        ),
    ] = None,
    rfam_clanin: Annotated[
        Path | None, typer.Option("--rfam-clanin", "--rfam_clanin", help="Clans of these families, Rfam.clanin.")
    ] = None,
    rfam_hits: Annotated[
        int,
        typer.Option("--rfam-hits", "--rfam_hits", min=0, help="Hits of a query that are asked about, the best."),
    ] = 10,
    strict: Strict = False,
    save_index: Annotated[
        Path | None,
        typer.Option("--save-index", help="Keep the index of a FASTA database there, for searches to come."),
    ] = None,
    model: QueryModel = None,
    model_dir: ModelDir = None,
    device: Device = "cpu",
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Queries between two points where a killed run can go on.")
    ] = 100,
    seed: SearchSeed = 42,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the results of another search.")] = False,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Search a database with queries: tables of hits, an alignment of each query's homologs, a report.

    A run that was stopped goes on where it was when the same command is given again. Results appear in OUT when all is
    done. A query that fails is a row of failed.tsv, the others go on, and the exit status is 1; no homologs are no
    error.
    """
    set_up_logging(quiet=quiet)
    use_threads(threads)
    if save_index is not None and database.is_dir():
        raise typer.BadParameter("DATABASE is an index already", param_hint="--save-index")
    if rfam_clanin is not None and rfam_cm is None:
        raise typer.BadParameter("the models of the families are needed too, --rfam-cm", param_hint="--rfam-clanin")
    settings = search_config(
        effort=effort,
        shortlist=shortlist,
        longest_shortlist=longest_shortlist,
        iterations=iterations,
        evalue=evalue,
        report_evalue=report_evalue,
        threads=threads,
        seed=seed,
    )
    from rhoma.run.search import SearchRun

    run = SearchRun(
        queries,
        database,
        out,
        settings,
        max_homologs=max_homologs,
        aligner=None if no_align else aligner,
        calibrate=calibrate and not no_align,
        labels=labels,
        rfam_cm=rfam_cm,
        rfam_clanin=rfam_clanin,
        rfam_hits=rfam_hits,
        model=model,
        model_dir=model_dir,
        device=device,
        strict=strict,
        save_index=save_index,
        batch_size=batch_size,
        overwrite=overwrite,
    )
    failed = run.run(partial(progress, quiet=quiet))
    if failed:
        typer.echo(f"{len(failed)} queries could not be searched: see {out / 'failed.tsv'}", err=True)
        raise typer.Exit(1)
