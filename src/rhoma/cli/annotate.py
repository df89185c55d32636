"""``rhoma query press`` and ``rhoma query annotate``: known families of queries and hits."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from rhoma.cli.common import Quiet, Threads, set_up_logging, use_threads

logger = logging.getLogger(__name__)


def press(
    cm: Annotated[Path, typer.Option("--cm", help="Rfam.cm, or other calibrated models with thresholds; may be gzip.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make.")],
    quiet: Quiet = False,
) -> None:
    """Prepare the models of known families for 'query annotate'."""
    set_up_logging(quiet=quiet)
    from rhoma.artifacts import artefact_directory
    from rhoma.infernal import press as press_models

    with artefact_directory(out) as work:
        press_models(cm, work)


def annotate(
    search: Annotated[Path, typer.Option("--search", "-s", help="Output directory of 'query search'.")],
    fasta: Annotated[Path, typer.Option("--fasta", "--batch", "-f", "-b", help="The queries that were searched with.")],
    index: Annotated[Path, typer.Option("--index", "-x", help="The index that was searched.")],
    models: Annotated[Path, typer.Option("--models", help="Output directory of 'query press'.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make: that of the search, annotated.")],
    clanin: Annotated[Path | None, typer.Option("--clanin", help="Clans of the families: Rfam.clanin.")] = None,
    hits: Annotated[int, typer.Option("--hits", min=0, help="Hits of a query that are asked about, the best.")] = 10,
    evalue: Annotated[float, typer.Option(min=0, help="Largest E-value of these hits.")] = 1e-3,
    *,
    threads: Threads,
    quiet: Quiet = False,
) -> None:
    """Say which known family queries and their best hits belong to, by the families' own models.

    Infernal's cmscan with the families' gathering thresholds. Fills family and clan of hits that have none
    from labels, and writes families.tsv.

    For example: query press --cm Rfam.cm --out rfam/, then
    query annotate --search hits/ --fasta queries.fasta --index index/ --models rfam/ --out annotated/
    """
    set_up_logging(quiet=quiet)
    use_threads(threads)
    from rhoma.search.families import annotate_search

    calls = annotate_search(search, fasta, index, models, out, clans=clanin, most=hits, evalue=evalue, threads=threads)
    own = [call for call in calls if not call.target]
    logger.info("%s: %d of %d queries are of a known family", out, sum(bool(call.family) for call in own), len(own))
