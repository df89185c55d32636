"""Plots of the benchmark as SVG text, the same for the same tables."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.evaluate.tables import Row

_COLOURS = {"rhoma": "#0b6e99", "tool": "#8c8c8c", "floor": "#c9a227", "oracle": "#7a4d9e", "ablation": "#0b6e99"}
_SHADES = {"plain": 0.45, "flanked": 1.0, "own": 1.0}


def _figure(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    # Element ids are drawn from this salt: without it every file would differ.
    matplotlib.rcParams.update({"svg.hashsalt": "rhoma", "svg.fonttype": "none", "font.size": 9})
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    # More methods than the ten colours of the default cycle.
    axes.set_prop_cycle(color=[matplotlib.colormaps["tab20"](n) for n in (*range(0, 20, 2), *range(1, 20, 2))])
    return figure, axes


def _svg(figure: Any) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _known(rows: Sequence[Row], *names: str) -> list[Row]:
    return [row for row in rows if all(not math.isnan(float(row[name])) for name in names)]


def bars(rows: Sequence[Row], title: str) -> str:
    """Returns ROC1 of every method and database, with intervals, in the order of the rows."""
    rows = _known(rows, "roc1")
    figure, axes = _figure(7.5, 0.7 + 0.24 * len(rows))
    for place, row in enumerate(rows):
        low, high = row["roc1"] - row["roc1_low"], row["roc1_high"] - row["roc1"]
        axes.barh(
            place,
            row["roc1"],
            color=_COLOURS.get(row["kind"], "#8c8c8c"),
            alpha=_SHADES.get(row["database"], 1.0),
            xerr=[[max(low, 0)], [max(high, 0)]],
            error_kw={"elinewidth": 1, "capsize": 2},
        )
    axes.set_yticks(range(len(rows)), [f"{row['method']}, {row['database']}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("sensitivity to the first false hit (ROC1), 95 % interval over families")
    axes.set_title(title)
    return _svg(figure)


def speed_against_sensitivity(retrieval: Sequence[Row], speed: Sequence[Row], database: str) -> str:
    """Returns ROC1 against seconds a query of every method on one database."""
    seconds = {row["method"]: float(row["wall_s"]) for row in speed if row["database"] == database}
    rows = [
        row
        for row in _known([r for r in retrieval if r["database"] == database], "roc1")
        if seconds.get(row["method"], 0.0) > 0
    ]
    figure, axes = _figure(7.5, 4.5)
    for row in rows:
        axes.plot(seconds[row["method"]], row["roc1"], "o", color=_COLOURS.get(row["kind"], "#8c8c8c"))
        point = (seconds[row["method"]], row["roc1"])
        axes.annotate(row["method"], point, textcoords="offset points", xytext=(5, 4), fontsize=8)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("wall seconds a query")
    axes.set_ylabel("ROC1")
    axes.set_title(f"Sensitivity and speed, database {database}")
    return _svg(figure)


def calibration(rows: Sequence[Row]) -> str:
    """Returns observed false hits a query against E, with the band of a factor 3 around y = x."""
    rows = [row for row in rows if row.get("status") == "ok"]
    figure, axes = _figure(6.0, 4.8)
    grid = [1e-3, 10.0]
    axes.plot(grid, grid, color="black", linewidth=1)
    axes.fill_between(grid, [x / 3 for x in grid], [3 * x for x in grid], color="black", alpha=0.1, linewidth=0)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for place, method in enumerate(methods):
        mine = [row for row in rows if row["method"] == method]
        # Beside each other, not on top.
        x = [row["expected"] * 1.06 ** (place - len(methods) / 2) for row in mine]
        y = [max(row["observed"], 2e-4) for row in mine]
        low = [max(a - max(row["low"], 2e-4), 0) for a, row in zip(y, mine, strict=True)]
        high = [max(row["high"] - a, 0) for a, row in zip(y, mine, strict=True)]
        axes.errorbar(x, y, yerr=[low, high], fmt="o-", markersize=3, linewidth=0.8, capsize=2, label=method)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("E-value")
    axes.set_ylabel("hits a query among decoys (2e-4 stands for none)")
    axes.set_title("E-values on dinucleotide-shuffled decoys")
    if methods:
        axes.legend(fontsize=7)
    return _svg(figure)


def by_class(rows: Sequence[Row], group: str, database: str) -> str:
    """Returns ROC1 of every method within the classes of one kind (size, type or identity)."""
    mine = [r for r in rows if r["class"] == group and r["database"] == database and r["figure"] == "roc1"]
    values = sorted({row["value"] for row in mine}, key=_class_order)
    methods = list(dict.fromkeys(row["method"] for row in mine))
    figure, axes = _figure(7.5, 4.2)
    for place, method in enumerate(methods):
        found = {row["value"]: row for row in mine if row["method"] == method}
        x = [number + (place - len(methods) / 2) * 0.7 / max(len(methods), 1) for number in range(len(values))]
        y = [float(found[value]["mean"]) if value in found else math.nan for value in values]
        axes.plot(x, y, "o", markersize=4, label=method)
    axes.set_xticks(range(len(values)), values, rotation=0 if len(values) < 6 else 60)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("ROC1")
    axes.set_title(f"By {group} of the family, database {database}")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _svg(figure)


def _class_order(value: str) -> tuple[int, str]:
    known = ("<10", "10-99", ">=100", "<60", "60-80", ">=80")
    return (known.index(value) if value in known else len(known), value)
