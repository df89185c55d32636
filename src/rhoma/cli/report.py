"""``rhoma query report``: the outputs of all batches as merged tables and one page."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from rhoma.cli.common import Quiet, entries, set_up_logging
from rhoma.cli.options import HomologEvalue

logger = logging.getLogger(__name__)


def report(
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory for the tables and the page.")],
    search: Annotated[
        list[Path] | None,
        typer.Option("--search", "-s", help="Output directory of 'query search'; again for every batch."),
    ] = None,
    msa: Annotated[
        list[Path] | None,
        typer.Option("--msa", "-m", help="Output directory of 'query align'; again for every batch."),
    ] = None,
    fasta: Annotated[
        list[Path] | None,
        typer.Option("--fasta", "-f", help="The queries, for their order; again for every file."),
    ] = None,
    batches: Annotated[
        Path | None,
        typer.Option(help="Directory whose search/, msa/ and fasta/ hold what those options name; in place of them."),
    ] = None,
    skipped: Annotated[
        list[Path] | None,
        typer.Option(help="Table of the queries that were not searched: the skipped.tsv of 'query prepare'."),
    ] = None,
    skipped_records: Annotated[
        Path | None,
        typer.Option(help="Table of the database's records that were left out: the index's skipped_records.tsv."),
    ] = None,
    params: Annotated[Path | None, typer.Option(help="The run's parameters, a JSON object.")] = None,
    versions: Annotated[Path | None, typer.Option(help="Versions of the programs, YAML.")] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page.", show_default=False)] = None,
    families: Annotated[
        bool,
        typer.Option("--families", help="What --msa names was made by 'rhoma align': families, and no search."),
    ] = False,
    evalue: HomologEvalue = 1e-3,
    top: Annotated[int, typer.Option(min=1, help="Hits in the table of a query.")] = 25,
    sections: Annotated[int, typer.Option(min=0, help="Queries shown in full; the rest is in the overview.")] = 500,
    quiet: Quiet = False,
) -> None:
    """Merge the outputs of all batches, and write the report.

    Writes hits.tsv, hits.m8, hits.tblout, hits.gff3, hits.bed, failed.tsv (where a query
    failed), skipped_records.tsv (where it was given), msa.tsv, rhoma_queries_mqc.tsv (for
    MultiQC) and report.html, which needs no other file and no network, into OUT.

    For example: query report --search hits/ --msa msa/ --fasta queries.fasta --out out/
    """
    set_up_logging(quiet=quiet)
    if batches is not None:
        if search or msa or fasta:
            raise typer.BadParameter("stands in place of --search, --msa and --fasta", param_hint="--batches")
        entries(batches)
        # a step of which there was nothing has no directory
        places = {name: batches / name for name in ("search", "msa", "fasta")}
        search, msa, fasta = (entries(place) if place.exists() else [] for place in places.values())
    if families:
        from rhoma.report.families import write_families_report

        named = {} if title is None else {"title": title}
        run = write_families_report(msa or [], out, parameters=params, versions=versions, sections=sections, **named)
        logger.info("%s: %d families", out / "report.html", len(run.queries))
        return
    from rhoma.report.page import PageConfig
    from rhoma.report.write import PAGE, write_report

    run = write_report(
        # none where every query was too short
        search or (),
        msa or (),
        out,
        PageConfig(title=title or "RNA homology search", evalue=evalue, top=top, sections=sections),
        fasta=fasta or (),
        skipped=skipped or (),
        left_out=skipped_records,
        parameters=params,
        versions=versions,
    )
    logger.info("%s: %d queries", out / PAGE, len(run.queries))
