"""``rhoma query align``: from the hits of a batch to one alignment directory a query."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from rhoma.cli.common import ModelDir, Quiet, Threads, progress, set_up_logging, use_threads
from rhoma.cli.options import AlignerOption, AlignModel, Calibrate, HomologEvalue, MaxHomologs, MaxIdentity, states_for

logger = logging.getLogger(__name__)


def align(
    search: Annotated[
        Path,
        typer.Option("--search", "-s", help="Output directory of 'query search' (hits.tsv, alignments/)."),
    ],
    fasta: Annotated[Path, typer.Option("--fasta", "--batch", "-f", "-b", help="The queries that were searched with.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make, one sub-directory a query.")],
    index: Annotated[
        Path | None,
        typer.Option(
            "--index", "-x", help="The index that was searched: homologs are then taken up to the query's ends."
        ),
    ] = None,
    evalue: HomologEvalue = 1e-3,
    max_homologs: MaxHomologs = 5_000,
    max_identity: MaxIdentity = 0.95,
    aligner: AlignerOption = "auto",
    model: AlignModel = None,
    model_dir: ModelDir = None,
    mafft: Annotated[
        Path | None,
        typer.Option(help="Directory with MAFFT's alignments (<name>.afa) of the files of --prepare."),
    ] = None,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Only write the FASTA files for MAFFT (<name>.fasta) into --out."),
    ] = False,
    rounds: Annotated[
        int, typer.Option(min=1, max=5, help="How often model and alignment are made from each other at most.")
    ] = 3,
    calibrate: Calibrate = False,
    seed: Annotated[int, typer.Option(min=0, help="Model seed written to af3.json.")] = 1,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Align the homologs of every query of a batch to a covariance model.

    Writes homologs.fasta, msa.sto, msa.a3m, msa.aln, af3.json, covariation.tsv, model.cm and structure.svg into
    OUT/<query>/, msa.tsv with the depth, diversity and covariation of every alignment, and failed.tsv. A query
    without homologs gets the same files.

    For example: query align --search hits/ --fasta queries.fasta --out msa/

    With MAFFT run elsewhere: query align ... --aligner linsi --out mafft_in/ --prepare, then MAFFT, then
    query align ... --aligner linsi --out msa/ --mafft mafft_out/
    """
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.msa.align import AlignConfig, align_batch, prepare_mafft

    config = AlignConfig(
        evalue=evalue,
        max_homologs=max_homologs,
        max_identity=max_identity,
        aligner=aligner,
        rounds=rounds,
        calibrate=calibrate,
        threads=threads,
        seed=seed,
    )
    if prepare:
        count = prepare_mafft(search, fasta, out, config, index=index)
        logger.info("%s: %d files for MAFFT", out, count)
        return
    states = states_for(aligner, model, model_dir, threads)
    with progress("aligned", quiet=quiet) as tell:
        rows = align_batch(search, fasta, out, config, index=index, mafft=mafft, states=states, progress=tell)
    logger.info("%s: %d queries, %d with homologs", out, len(rows), sum(row.homologs > 0 for row in rows))
