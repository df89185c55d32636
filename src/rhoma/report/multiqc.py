"""MultiQC custom content: the overview table of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.hits import format_evalue
from rhoma.report.page import family_call

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.report.collect import Run

_HEAD = """\
# id: 'rhoma_queries'
# section_name: 'Rhoma: queries'
# description: 'Hits and alignments of every query.'
# plot_type: 'table'
# pconfig:
#     id: 'rhoma_queries_table'
#     title: 'Rhoma: queries'
#     col1_header: 'Query'
"""
_COLUMNS = (
    "Query",
    "Length",
    "Hits",
    "Best E-value",
    "Family",
    "Homologs",
    "Neff",
    "Pairs",
    "Covarying pairs",
)


def write_multiqc(run: Run, out: Path, *, evalue: float) -> None:
    """Writes ``rhoma_queries_mqc.tsv``: a table of the queries for MultiQC.

    Args:
        run: what was collected.
        out: the file, whose name has to end in ``_mqc.tsv``.
        evalue: the threshold of a homolog.
    """
    lines = ["\t".join(_COLUMNS)]
    for query in run.queries:
        passing, quality = query.passing(evalue), query.quality
        cells: list[object] = [
            # a line that begins with "#" would be one of settings
            query.name.replace("#", "%23", 1) if query.name.startswith("#") else query.name,
            query.length,
            len(passing),
            format_evalue(query.hits[0].evalue) if query.hits else "",
            family_call(passing)[0],
        ]
        if quality is None:
            cells += ["", "", "", ""]
        else:
            cells += [quality.homologs, f"{quality.neff:.1f}", quality.pairs, quality.covarying]
        lines.append("\t".join(map(str, cells)))
    with atomic_write(out) as partial:
        partial.write_text(_HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")
