"""All that a run leaves for its readers: the merged tables, MultiQC's overview and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.report.collect import collect
from rhoma.report.merge import merge_tables
from rhoma.report.multiqc import write_multiqc
from rhoma.report.page import PageConfig, write_page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.report.collect import Run

PAGE = "report.html"


def write_report(
    search: Sequence[Path],
    msa: Sequence[Path],
    out: Path,
    config: PageConfig | None = None,
    *,
    fasta: Sequence[Path] = (),
    skipped: Sequence[Path] = (),
    left_out: Path | None = None,
    parameters: Path | None = None,
    versions: Path | None = None,
) -> Run:
    """Returns what the report shows, once the tables and, last of all, the page are written.

    Args:
        search: see :func:`rhoma.report.collect.collect`, as for all others but these two.
        msa: likewise.
        out: the directory for the files; made where it is missing.
        config: settings of the page.
        fasta: likewise.
        skipped: likewise.
        left_out: likewise.
        parameters: likewise.
        versions: likewise.

    Raises:
        InputError: an input is missing or not what it should be, or ``out`` cannot be written.
    """
    config = config or PageConfig()
    run = collect(
        search, msa, fasta=fasta, skipped=skipped, left_out=left_out, parameters=parameters, versions=versions
    )
    out.mkdir(parents=True, exist_ok=True)
    merge_tables(search, run, out)
    write_multiqc(run, out / "rhoma_queries_mqc.tsv", evalue=config.evalue)
    write_page(run, out / PAGE, config)
    return run
