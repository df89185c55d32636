"""``rhoma fill``: alignments into the input of a structure predictor."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rhoma.cli.common import Quiet, new_app, set_up_logging

if TYPE_CHECKING:
    from rhoma.io.jobs import Given

logger = logging.getLogger(__name__)

app = new_app()


@app.command()
def fill(
    job: Annotated[Path, typer.Argument(help="Input of AlphaFold 3, or of Protenix (a list of jobs): JSON.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The filled input, JSON.")],
    results: Annotated[
        list[Path] | None,
        typer.Option("--results", "-r", help="Directory of a run, with msa.a3m files in it; again for more."),
    ] = None,
    msa: Annotated[
        list[str] | None,
        typer.Option("--msa", "-m", help="QUERY=FILE, or FILE: one alignment (A3M); again for more."),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace alignments that chains have already.")] = False,
    quiet: Quiet = False,
) -> None:
    """Put alignments into the RNA chains of an AlphaFold 3 or Protenix input.

    A chain gets the alignment whose query has its sequence; T and U are the same. Chains without one are
    named in a warning. AlphaFold 3 finds the alignment in the job (unpairedMsa), Protenix in a file beside
    it (unpairedMsaPath).

    For example: rhoma fill job.json --results out/ -o filled.json
    """
    set_up_logging(quiet=quiet)
    from rhoma.artifacts import atomic_write
    from rhoma.errors import InputError
    from rhoma.io import jobs
    from rhoma.sequences import digest, safe_name

    document, kind = jobs.read_jobs(job)
    alignments = _alignments(results or [], msa or [])
    files = out.absolute().parent / f"{out.stem}_msa"
    written: dict[str, Given] = {}

    def write(given: Given) -> str:
        files.mkdir(parents=True, exist_ok=True)
        name = given.name
        if written.setdefault(name, given) != given:
            # another query of this name
            name = f"{name}.{digest(given.sequence)}"
        path = files / f"{safe_name(name)}.a3m"
        with atomic_write(path) as partial:
            partial.write_text(given.a3m, encoding="utf-8")
        return str(path)

    chains = jobs.fill(document, kind, alignments, write, overwrite=overwrite)
    if all(chain.outcome == "unmatched" for chain in chains):
        raise InputError(
            "no RNA chain has the sequence of a query with an alignment",
            path=job,
            remedy=f"search with the chains' own sequences; the {len(alignments)} queries at hand have others",
        )
    with atomic_write(out) as partial:
        partial.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for chain in chains:
        place = f"{chain.job}, chain {chain.chain}"
        if chain.outcome == "unmatched":
            logger.warning("%s: no alignment has its sequence", place)
        elif chain.outcome == "kept":
            logger.warning("%s: has an alignment already, which stays; --overwrite replaces it", place)
        else:
            logger.info("%s: alignment of %s", place, chain.query)
        if chain.thymine:
            logger.warning("%s: T written as U", place)


def _alignments(results: list[Path], msa: list[str]) -> dict[str, Given]:
    """Returns the alignments by the sequence of their query; the first one of a sequence stands."""
    from rhoma.errors import InputError
    from rhoma.io.a3m import read_a3m
    from rhoma.io.fasta import format_fasta
    from rhoma.io.jobs import Given

    paths = [_named(text) for text in msa]
    for directory in results:
        found = [path for pattern in ("", "*/", "*/*/") for path in sorted(directory.glob(f"{pattern}msa.a3m"))]
        if not found:
            remedy = "give the --outdir of a search, or the directory of one query"
            raise InputError("holds no msa.a3m", path=directory, remedy=remedy)
        paths += [("", path) for path in found]
    if not paths:
        raise typer.BadParameter("give --results or --msa", param_hint="--results")
    alignments: dict[str, Given] = {}
    for name, path in paths:
        rows = read_a3m(path)
        header, sequence = rows[0]
        given = Given(name or (header.split() or ["query"])[0], sequence, format_fasta(rows))
        alignments.setdefault(sequence, given)
    return alignments


def _named(text: str) -> tuple[str, Path]:
    """Returns the name of a query, empty where none is given, and its file."""
    name, sign, path = text.partition("=")
    return ("", Path(text)) if not sign or Path(text).exists() else (name, Path(path))
