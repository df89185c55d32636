"""The methods of a benchmark as custom content of MultiQC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.evaluate.tables import Row, cell
from rhoma.report.multiqc import Columns, cell_text, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SHARE: dict[str, object] = {"min": 0, "max": 1, "format": "{:,.3f}", "scale": "Greens"}
# heading: (column of the table of retrieval or of speed, what MultiQC is told)
_FIGURES: dict[str, tuple[str, dict[str, object]]] = {
    "ROC1": ("roc1", {**_SHARE, "description": "Part of the family found before the first false hit"}),
    "mAP": ("map", {**_SHARE, "description": "Mean average precision"}),
    "Recall at 1,000": ("recall_1000", {**_SHARE, "description": "Part of the family among the first 1,000"}),
    "CPU seconds": ("cpu_s", {"format": "{:,.1f}", "scale": "Reds", "description": "Of all queries"}),
    "Median seconds": ("p50_s", {"format": "{:,.2f}", "scale": "Reds", "description": "A query"}),
    "Peak MB": ("peak_mb", {"format": "{:,.0f}", "scale": False, "description": "Largest resident memory"}),
}


def write_multiqc(retrieval: Sequence[Row], speed: Sequence[Row], out: Path) -> None:
    """Writes ``rhoma_benchmark_mqc.tsv``: a row a method and database, those that failed too.

    Args:
        retrieval: rows of the table of that name.
        speed: likewise.
        out: the file, whose name has to end in ``_mqc.tsv``.
    """
    costs = {(row["method"], row["database"]): row for row in speed}
    rows: list[list[object]] = []
    for row in retrieval:
        figures = {**costs.get((row["method"], row["database"]), {}), **row}
        cells = [cell(figures[name]) if name in figures else "NA" for name, _ in _FIGURES.values()]
        status, _, reason = str(row["status"]).partition(": ")
        name = cell_text(f"{row['method']} on {row['database']}")
        rows.append([name, cell_text(status), *("" if text == "NA" else text for text in cells), cell_text(reason)])
    columns: Columns = {
        "Status": {"scale": False, "description": "Whether the method ran"},
        **{name: told for name, (_, told) in _FIGURES.items()},
        "Reason": {"scale": False, "description": "Why it failed"},
    }
    write_table(out, "benchmark", "Methods on databases.", "Method", columns, rows)
