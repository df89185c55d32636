"""MultiQC custom content: what became of every query or family, as one table."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.hits import format_evalue
from rhoma.report.page import family_call

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.report.collect import QueryResult, Run

# Columns with what MultiQC is told of them; a column without a scale is text or a plain number.
Columns = dict[str, dict[str, object]]
_STATUS: dict[str, object] = {"scale": False, "description": "What became of it"}
_WARNINGS: dict[str, object] = {"scale": False, "description": "What to mind, or why it failed or was skipped"}
_ALIGNED: Columns = {
    "Homologs": {"format": "{:,.0f}", "scale": "Greens", "description": "Rows of the alignment besides the query"},
    "Neff": {"format": "{:,.1f}", "scale": "Greens", "description": "Effective number of sequences, at 80 % identity"},
    "Pairs": {"format": "{:,.0f}", "scale": False, "description": "Base pairs of the consensus structure"},
    "Covarying pairs": {"format": "{:,.0f}", "scale": "Purples", "description": "Pairs with a compensatory change"},
    "Significant pairs": {
        "format": "{:,.0f}",
        "scale": "Purples",
        "description": "Pairs that covary more than the phylogeny explains",
    },
}
_LENGTH: dict[str, object] = {"format": "{:,.0f}", "scale": False, "suffix": " nt", "description": "Nucleotides"}
_QUERIES: Columns = {
    "Status": _STATUS,
    "Length": _LENGTH,
    "Hits": {"format": "{:,.0f}", "scale": "Blues", "description": "Hits up to the E-value of a homolog"},
    "Best E-value": {"format": "{:.2e}", "scale": False, "description": "Of all hits"},
    "Family": {"scale": False, "description": "The commonest family of the homologs"},
    "Rounds": {"format": "{:,.0f}", "scale": False, "description": "Rounds of the search, of its longest tile"},
    **_ALIGNED,
    "Warnings": _WARNINGS,
}
_FAMILIES: Columns = {"Status": _STATUS, "Length": _LENGTH, **_ALIGNED, "Warnings": _WARNINGS}


def cell_text(text: str) -> str:
    """Returns text for a cell: MultiQC puts it into its page as it is, and takes its commas for those of a number."""
    safe = html.escape(" ".join(text.split())).replace(",", "&#44;")
    # a line that begins with "#" would be one of settings
    return safe.replace("#", "%23", 1) if safe.startswith("#") else safe


def _aligned(query: QueryResult) -> list[object]:
    quality = query.quality
    if quality is None:
        return [""] * len(_ALIGNED)
    return [quality.homologs, f"{quality.neff:.1f}", quality.pairs, quality.covarying, quality.significant]


def _lost(run: Run, columns: int) -> list[list[object]]:
    """Returns the rows of what failed and of what was skipped."""
    rows = [(name, "failed", "", reason) for name, reason in run.failed]
    rows += [(row.id, "skipped", str(row.length), row.reason) for row in run.skipped]
    return [
        [cell_text(name), status, length, *[""] * (columns - 3), cell_text(why)] for name, status, length, why in rows
    ]


def write_multiqc(run: Run, out: Path, *, evalue: float) -> None:
    """Writes ``rhoma_queries_mqc.tsv``: a table for MultiQC of all queries, those that failed or were skipped last.

    Args:
        run: what was collected.
        out: the file, whose name has to end in ``_mqc.tsv``.
        evalue: the threshold of a homolog.
    """
    rows: list[list[object]] = []
    for query in run.queries:
        passing = query.passing(evalue)
        status = "list full" if query.full else "homologs" if passing else "no homolog"
        best = format_evalue(query.hits[0].evalue) if query.hits else ""
        found = [len(passing), best, cell_text(family_call(passing)[0]), query.rounds or ""]
        told = cell_text("; ".join(query.warnings()))
        rows.append([cell_text(query.name), status, query.length, *found, *_aligned(query), told])
    rows += _lost(run, len(_QUERIES))
    write_table(out, "queries", f"Homologs have an E-value up to {evalue:g}.", "Query", _QUERIES, rows)


def write_multiqc_families(run: Run, out: Path) -> None:
    """Writes ``rhoma_families_mqc.tsv``: a table for MultiQC of all families; see :func:`write_multiqc`."""
    rows: list[list[object]] = [
        [cell_text(query.name), "aligned", query.length, *_aligned(query), cell_text("; ".join(query.warnings()))]
        for query in run.queries
    ]
    rows += _lost(run, len(_FAMILIES))
    write_table(out, "families", "Alignments of families.", "Family", _FAMILIES, rows)


def write_table(
    out: Path, kind: str, description: str, names: str, columns: Columns, rows: Sequence[Sequence[object]]
) -> None:
    """Writes a table of MultiQC under its settings, which are YAML in comments.

    Args:
        out: the file, whose name has to end in ``_mqc.tsv``.
        kind: what the rows are, in the plural.
        description: a sentence about them; how many there are of each status is added.
        names: heading of the names.
        columns: names of the columns, the first of which is ``Status``, and MultiQC's settings of each.
        rows: name and cells; texts in them are those of :func:`cell_text`.
    """
    counts: dict[object, int] = {}
    for row in rows:
        counts[row[1]] = counts.get(row[1], 0) + 1
    told = ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
    settings = {
        "id": f"rhoma_{kind}",
        "section_name": f"Rhoma: {kind}",
        "description": f"{description} {len(rows)} {kind}: {told}.",
        "plot_type": "table",
        "pconfig": {"id": f"rhoma_{kind}_table", "title": f"Rhoma: {kind}", "col1_header": names, "sort_rows": False},
        "headers": columns,
    }
    lines = [f"# {key}: {json.dumps(value)}" for key, value in settings.items()]
    lines += ["\t".join((names, *columns)), *("\t".join(map(str, row)) for row in rows)]
    with atomic_write(out) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
