"""The report of families of homologs that were aligned without a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.report.collect import collect
from rhoma.report.merge import merge_alignments
from rhoma.report.multiqc import write_multiqc_families
from rhoma.report.page import PageConfig, write_page
from rhoma.report.write import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.report.collect import Run


def write_families_report(
    msa: Sequence[Path],
    out: Path,
    *,
    parameters: Path | None = None,
    versions: Path | None = None,
    title: str = "RNA families",
    sections: int = 500,
) -> Run:
    """Returns what the report shows, once ``msa.tsv``, ``failed.tsv``, MultiQC's table and the page are written.

    Args:
        msa: output directories of :func:`rhoma.msa.family.align_families`.
        out: directory for the files; made where it is missing.
        parameters: see :func:`rhoma.report.collect.collect`.
        versions: likewise.
        title: heading of the page.
        sections: families that get a section of their own.

    Raises:
        InputError: an input is missing or not what it should be.
    """
    run = collect((), msa, parameters=parameters, versions=versions, families=True)
    out.mkdir(parents=True, exist_ok=True)
    merge_alignments(run, out)
    write_multiqc_families(run, out / "rhoma_families_mqc.tsv")
    write_page(run, out / PAGE, PageConfig(title=title, sections=sections, families=True, files="families"))
    return run


def write_families_page(aligned: Path) -> Path:
    """Returns the page ``report.html`` that it writes into an output directory of ``align_families``.

    Raises:
        InputError: the directory is not what it should be.
    """
    run = collect((), [aligned], families=True)
    page = aligned / PAGE
    write_page(run, page, PageConfig(title="RNA families", families=True, files="."))
    return page
