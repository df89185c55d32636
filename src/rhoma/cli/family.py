"""``rhoma align``: the alignment of a user's own homologs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from rhoma.cli.common import ModelDir, Quiet, Threads, new_app, progress, set_up_logging, use_threads
from rhoma.cli.options import AlignerOption, AlignModel, Calibrate, MaxHomologs, MaxIdentity, states_for

logger = logging.getLogger(__name__)

app = new_app()


@app.command()
def align(
    fasta: Annotated[
        list[Path], typer.Argument(help="Homologs, a FASTA file a family (plain, gzip or bgzip); gaps do not count.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make, one sub-directory a family.")],
    name: Annotated[str | None, typer.Option(help="Name of the family, where there is one file.")] = None,
    query: Annotated[
        str | None, typer.Option(help="Name of the reference; by default the first sequence of each file.")
    ] = None,
    max_homologs: MaxHomologs = 5_000,
    max_identity: MaxIdentity = 0.95,
    aligner: AlignerOption = "auto",
    model: AlignModel = None,
    model_dir: ModelDir = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=5, help="How often model and alignment are made from each other, at most.")
    ] = 3,
    calibrate: Calibrate = False,
    seed: Annotated[int, typer.Option(min=0, help="Model seed written to af3.json.")] = 1,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="End with status 0 though families have failed (failed.tsv).")
    ] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave report.html out.")] = False,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Align homologs of yours, with their structure and a covariance model.

    Writes homologs.fasta, msa.sto, msa.a3m, msa.aln, af3.json, covariation.tsv, model.cm and structure.svg
    into OUT/<family>/, and msa.tsv, failed.tsv and report.html. A family that cannot be aligned does not stop the
    others.

    For example: rhoma align homologs.fasta -o msa/
    """
    set_up_logging(quiet=quiet)
    use_threads(threads)
    if name is not None and (len(fasta) > 1 or not name or any(letter.isspace() for letter in name)):
        raise typer.BadParameter("a name without blanks, for a single file", param_hint="--name")
    from rhoma.msa.align import AlignConfig
    from rhoma.msa.family import align_families, family_name

    config = AlignConfig(
        max_homologs=max_homologs,
        max_identity=max_identity,
        aligner=aligner,
        rounds=rounds,
        calibrate=calibrate,
        threads=threads,
        seed=seed,
    )
    sources = [(name or family_name(path), path) for path in fasta]
    states = states_for(aligner, model, model_dir, threads)
    with progress("aligned", quiet=quiet) as tell:
        rows, failed = align_families(sources, out, config, query=query, states=states, progress=tell)
    for row in rows:
        logger.info("%s: %d of %d homologs, Neff %.1f", row.query, row.homologs, row.hits, row.neff)
        if row.warnings:
            logger.warning("%s: %s", row.query, row.warnings)
    for family, reason in failed:
        logger.error("%s failed: %s", family, reason)
    if not no_report:
        from rhoma.report.families import write_families_page

        logger.info("%s: %d %s", write_families_page(out), len(rows), "family" if len(rows) == 1 else "families")
    if failed and not keep_going:
        raise typer.Exit(1)
