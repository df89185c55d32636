"""MultiQC custom content: the overview table of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.hits import format_evalue
from rhoma.report.page import family_call

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.report.collect import QueryResult, Run

_HEAD = """\
# id: 'rhoma_{kind}'
# section_name: 'Rhoma: {kind}'
# description: '{description}'
# plot_type: 'table'
# pconfig:
#     id: 'rhoma_{kind}_table'
#     title: 'Rhoma: {kind}'
#     col1_header: '{column}'
"""
_ALIGNED = ("Homologs", "Neff", "Pairs", "Covarying pairs")


def _title(name: str) -> str:
    # a line that begins with "#" would be one of settings
    return name.replace("#", "%23", 1) if name.startswith("#") else name


def _aligned(query: QueryResult) -> list[object]:
    quality = query.quality
    if quality is None:
        return [""] * len(_ALIGNED)
    return [quality.homologs, f"{quality.neff:.1f}", quality.pairs, quality.covarying]


def write_multiqc(run: Run, out: Path, *, evalue: float) -> None:
    """Writes ``rhoma_queries_mqc.tsv``: a table of the queries for MultiQC.

    Args:
        run: what was collected.
        out: the file, whose name has to end in ``_mqc.tsv``.
        evalue: the threshold of a homolog.
    """
    rows: list[list[object]] = [["Query", "Length", "Hits", "Best E-value", "Family", *_ALIGNED]]
    for query in run.queries:
        passing = query.passing(evalue)
        best = format_evalue(query.hits[0].evalue) if query.hits else ""
        rows.append([_title(query.name), query.length, len(passing), best, family_call(passing)[0], *_aligned(query)])
    _write(out, "queries", "Hits and alignments of every query.", "Query", rows)


def write_multiqc_families(run: Run, out: Path) -> None:
    """Writes ``rhoma_families_mqc.tsv``: a table of the families for MultiQC; see :func:`write_multiqc`."""
    rows: list[list[object]] = [["Family", "Length", *_ALIGNED]]
    rows += [[_title(query.name), query.length, *_aligned(query)] for query in run.queries]
    _write(out, "families", "Alignments of every family.", "Family", rows)


def _write(out: Path, kind: str, description: str, column: str, rows: list[list[object]]) -> None:
    head = _HEAD.format(kind=kind, description=description, column=column)
    with atomic_write(out) as partial:
        partial.write_text(head + "".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
