"""What a setting or a constant of the search does: rank, recall, precision and processor time on a benchmark.

    rhoma evaluate dataset --rfam DIR --preset standard -o BENCH
    python benchmarks/search_settings.py --benchmark BENCH --work WORK --effort auto
    python benchmarks/search_settings.py --benchmark BENCH --work WORK --effort auto --set iteration.FEW=20
    python benchmarks/search_settings.py --benchmark BENCH --work WORK --set shortlist=500 --set covariance.MOST_ROWS=9

``--set NAME=VALUE`` changes a setting of :class:`rhoma.SearchConfig`, ``--set MODULE.NAME=VALUE`` a constant of
``rhoma.search.MODULE``; values are Python literals. The databases ``plain`` and ``flanked`` are indexed once in
WORK. A row for each: means over queries, processor seconds a query of one thread (MMseqs2 and opening apart).
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from rhoma.evaluate.benchmark import FLANKED, PLAIN, Benchmark
from rhoma.evaluate.metrics import figures, judge
from rhoma.evaluate.model import SHIPPED
from rhoma.evaluate.ranking import RankedHit
from rhoma.evaluate.run import build_rhoma_index
from rhoma.models.embedder import load_embedder
from rhoma.search import SearchConfig, Searcher


def apply(changes: list[str]) -> dict[str, Any]:
    """Return the settings among changes, after changing the constants."""
    settings = {}
    for change in changes:
        name, value = change.split("=", 1)
        module, _, constant = name.rpartition(".")
        if not module:
            settings[name] = ast.literal_eval(value)
            continue
        place = importlib.import_module(f"rhoma.search.{module}")
        if not hasattr(place, constant):
            raise SystemExit(f"rhoma.search.{module} has no {constant}")
        setattr(place, constant, ast.literal_eval(value))
    return settings


def seconds() -> float:
    """Return processor seconds of this process and its children."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--effort", default="auto")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    config = SearchConfig(effort=arguments.effort, threads=1, **apply(arguments.set))
    benchmark = Benchmark(arguments.benchmark)
    queries = benchmark.queries()
    embedder = load_embedder(None, device="cpu", threads=1)
    print("\t".join(["database", "effort", "changed", "ROC1", "mAP", "precision", "recall", "CPU-s"]), flush=True)
    for database in (PLAIN, FLANKED):
        built = arguments.work / f"{database}.index"
        if not (built / "build.json").is_file():
            build_rhoma_index(benchmark.targets(database), built, model=SHIPPED)
        searcher = Searcher.open(built / "index", embedder=embedder)
        anchors = searcher.anchors(queries, threads=1)
        began = seconds()
        results = searcher.search(queries, config, anchors=anchors)
        spent = (seconds() - began) / len(queries)
        truths = benchmark.truths(database)
        rows = [
            figures(judge((RankedHit(h.query, h.target, h.strand, h.score, h.evalue) for h in result.hits), truth))
            for result in results
            if (truth := truths.get(result.query)) is not None
        ]
        means = [np.nanmean([row[name] for row in rows]) for name in ("roc1", "map", "precision", "recall")]
        cells = [database, arguments.effort, " ".join(arguments.set) or "-", *(f"{mean:.3f}" for mean in means)]
        print("\t".join([*cells, f"{spent:.2f}"]), flush=True)


if __name__ == "__main__":
    main()
