"""The report of a benchmark: one HTML file, and the page of the documentation, from the tables."""

from __future__ import annotations

import html
import json
import math
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhoma.evaluate import plots
from rhoma.evaluate.atlas import atlas
from rhoma.evaluate.tables import Row, cell, markdown, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.evaluate.benchmark import Benchmark

_RETRIEVAL = (
    *("method", "database", "queries", "roc1", "roc1_low", "roc1_high", "map", "recall_10", "recall_100"),
    *("recall_1000", "precision", "recall", "f1"),
)
_EVALUE = ("method", "expected", "observed", "low", "high", "within_3")
_SPEED = ("method", "database", "threads", "wall_s", "cpu_s", "p50_s", "p95_s", "peak_mb", "index_mb", "build_s")
_MSA = (
    *("method", "queries", "shared", "sps", "sps_low", "sps_high", "column", "pair_f1", "pair_f1_low"),
    *("pair_f1_high", "pairs", "covarying"),
)
_EMBEDDING = (
    *("method", "sequences", "families", "silhouette", "nn_family", "nn_family_low", "nn_family_high"),
    *("nn_clan", "nn_clan_low", "nn_clan_high", "clan_sequences"),
)
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0;display:block;overflow-x:auto}
td,th{border-bottom:1px solid #ddd;padding:.2rem .55rem;text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}
tr.rhoma td:first-child{color:#0b6e99;font-weight:600} tr.oracle{color:#7a4d9e} tr.failed{color:#b00020}
svg{max-width:100%;height:auto} canvas{max-width:100%;border:1px solid #ddd;cursor:crosshair}
.note{color:#555}
"""


@dataclass(slots=True)
class Results:
    """The tables of a benchmark's directory.

    Attributes:
        tables: name -> rows; a table that was not made is empty.
        points: of the atlas.
        facts: machine, versions, seed and command.
    """

    tables: dict[str, list[Row]]
    points: list[Row]
    facts: dict[str, Any] = field(default_factory=dict)


def collect(directory: Path) -> Results:
    """Returns what lies in a directory of tables."""
    names = ("retrieval", "retrieval_classes", "evalue", "speed", "stages", "msa", "embedding", "ablation")
    tables = {
        name: read_table(directory / f"{name}.json") if (directory / f"{name}.json").is_file() else [] for name in names
    }
    points = directory / "atlas.json"
    facts = directory / "facts.json"
    return Results(
        tables,
        json.loads(points.read_text(encoding="utf-8")) if points.is_file() else [],
        json.loads(facts.read_text(encoding="utf-8")) if facts.is_file() else {},
    )


def machine() -> dict[str, str]:
    """Returns what the figures of speed were measured on: processor, cores, memory, system."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def facts_of(benchmark: Benchmark, speed: Sequence[Row], *, preset: str, command: str) -> dict[str, Any]:
    """Returns machine, versions, seed, sizes and command, for the report."""
    versions = {row["method"]: row["version"] for row in speed if isinstance(row.get("version"), str)}
    return {
        "preset": preset,
        "command": command,
        "machine": machine(),
        "versions": versions,
        "dataset": {key: value for key, value in benchmark.settings.items() if key != "schema_version"},
    }


def draw(results: Results) -> dict[str, str]:
    """Returns file name -> SVG text of every plot there is data for."""
    tables = results.tables
    retrieval = [row for row in tables["retrieval"] if row["status"] == "ok"]
    found: dict[str, str] = {}
    if retrieval:
        found["roc1.svg"] = plots.bars(retrieval, "Retrieval")
    databases = list(dict.fromkeys(row["database"] for row in retrieval))
    for database in databases[-1:]:
        found["speed.svg"] = plots.speed_against_sensitivity(retrieval, tables["speed"], database)
        for group in ("size", "identity", "type"):
            found[f"by_{group}.svg"] = plots.by_class(tables["retrieval_classes"], group, database)
    if any(row["status"] == "ok" for row in tables["evalue"]):
        found["evalue.svg"] = plots.calibration(tables["evalue"])
    if any(row["status"] == "ok" for row in tables["ablation"]):
        found["ablation.svg"] = plots.bars(tables["ablation"], "Parts of the search, on part of the queries")
    return found


def write_report(results: Results, out: Path, drawings: dict[str, str]) -> None:
    """Writes a self-contained HTML report: tables, plots and the atlas."""
    tables = results.tables
    parts = ["<h1>Rhoma benchmark</h1>", _facts_html(results.facts)]
    parts.append("<h2>Retrieval</h2>")
    parts.append(
        '<p class="note">ROC1: share of the family above the first false hit; hits to related families are ignored, '
        "the query itself is dropped, queries without a true hit count 0. Precision, recall and F1 at E &le; 0.001. "
        "The oracle knows the family's own alignment and is no competitor.</p>"
    )
    parts.append(_table(_RETRIEVAL, tables["retrieval"]))
    parts += [
        drawings[name] for name in ("roc1.svg", "by_size.svg", "by_identity.svg", "by_type.svg") if name in drawings
    ]
    parts += ["<h2>E-values</h2>", _table(_EVALUE, tables["evalue"]), drawings.get("evalue.svg", "")]
    parts += ["<h2>Speed</h2>", _table(_SPEED, tables["speed"]), drawings.get("speed.svg", "")]
    parts += ["<h3>Stages</h3>", _table(("method", "database", "stage", "p50_s", "p95_s"), tables["stages"])]
    parts += ["<h2>Alignments</h2>", _table(_MSA, tables["msa"])]
    if tables["ablation"]:
        parts += ["<h2>Parts of the search</h2>", _table(_RETRIEVAL, tables["ablation"])]
        parts.append(drawings.get("ablation.svg", ""))
    parts += ["<h2>The embedding space</h2>", _table(_EMBEDDING, tables["embedding"])]
    if results.points:
        parts += ["<h3>Atlas</h3>", atlas(results.points)]
    failures = _failures(results)
    if failures:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in failures)
        parts.append(f"<h2>What failed</h2><ul>{items}</ul>")
    body = "\n".join(parts)
    out.write_text(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Rhoma benchmark</title>'
        f"<style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n",
        encoding="utf-8",
    )


def write_page(results: Results, out: Path) -> None:
    """Writes the page of the documentation (Markdown), with machine, versions, seed and command."""
    facts, tables = results.facts, results.tables
    lines = [
        "# Benchmark",
        "",
        "This page is generated; do not edit it. Made by:",
        "",
        f"    {facts.get('command', 'nextflow run main.nf --workflow evaluate')}",
        "",
        "Test families share neither a clan nor a similar sequence with training families. ROC1 is the share of the",
        "family found above the first false hit (hits to related families ignored, the query itself dropped, queries",
        "without a true hit count 0), with its 95 % bootstrap interval over families. Precision, recall and F1:",
        "E <= 0.001. `infernal-oracle` knows the family's own alignment: it is a bound, not a competitor.",
        "",
        "## Retrieval",
        "",
        markdown(_RETRIEVAL, [row for row in tables["retrieval"] if row["status"] == "ok"]),
    ]
    for title, name, columns in (
        ("E-values on decoys (observed hits a query up to E)", "evalue", _EVALUE),
        ("Speed (seconds a query)", "speed", _SPEED),
        ("Alignments against the seed alignments", "msa", _MSA),
        ("Parts of the search", "ablation", _RETRIEVAL),
        ("The embedding space", "embedding", _EMBEDDING),
    ):
        rows = [row for row in tables[name] if row["status"] == "ok"] if name != "stages" else tables[name]
        if rows:
            lines += [f"## {title}", "", markdown(columns, rows)]
    failures = _failures(results)
    if failures:
        lines += ["## What failed", "", *(f"- {line}" for line in failures), ""]
    lines += ["## How it was measured", ""]
    lines += [f"- {name}: {value}" for name, value in facts.get("machine", {}).items()]
    config = facts.get("dataset", {}).get("config", {})
    lines += [f"- preset {facts.get('preset', '')}, seed {config.get('seed', '')}"]
    lines += [f"- sizes: {_flat(facts.get('dataset', {}).get('counts', {}))}", f"- settings: {_flat(config)}"]
    lines += [f"- split file sha256: {facts.get('dataset', {}).get('split_sha256', 'none')}"]
    lines += [f"- {method}: {version}" for method, version in facts.get("versions", {}).items()]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _flat(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _failures(results: Results) -> list[str]:
    found: dict[str, None] = {}
    for name in ("retrieval", "evalue", "msa", "embedding", "ablation"):
        for row in results.tables[name]:
            if row["status"] != "ok":
                found[f"{row['method']}{' on ' + row['database'] if 'database' in row else ''}: {row['status']}"] = None
    return list(found)


def _facts_html(facts: dict[str, Any]) -> str:
    if not facts:
        return ""
    counts = _flat(facts["dataset"].get("counts", {}))
    rows = [("command", facts["command"]), ("preset", facts["preset"]), ("sizes", counts), *facts["machine"].items()]
    cells = "".join(f"<tr><td>{html.escape(k)}</td><td>{html.escape(str(v))}</td></tr>" for k, v in rows)
    return f"<table>{cells}</table>"


def _table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = []
    for row in rows:
        kind = "failed" if row.get("status", "ok") != "ok" else str(row.get("kind", ""))
        cells = "".join(f"<td>{html.escape(cell(row.get(name, math.nan), 3))}</td>" for name in columns)
        body.append(f'<tr class="{html.escape(kind)}">{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
