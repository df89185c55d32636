"""From the runs of methods to the tables of retrieval, E-values and speed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rhoma.evaluate.benchmark import DECOYS
from rhoma.evaluate.metrics import FIGURES, figures, interval, judge, mean
from rhoma.evaluate.ranking import read_ranking
from rhoma.evaluate.run import read_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rhoma.evaluate.benchmark import Benchmark
    from rhoma.evaluate.ranking import RankedHit
    from rhoma.evaluate.run import RunRow
    from rhoma.evaluate.tables import Row

RETRIEVAL = ("method", "database", "queries", "roc1", "roc1_low", "roc1_high", *FIGURES[1:], "kind", "status")
CLASSES = ("method", "database", "class", "value", "queries", "figure", "mean", "low", "high")
PER_QUERY = ("method", "database", "query", "family", "positives", *FIGURES)
EVALUE = ("method", "expected", "observed", "low", "high", "queries", "within_3", "status")
SPEED = (
    *("method", "database", "queries", "threads", "wall_s", "cpu_s", "p50_s", "p95_s", "peak_mb"),
    *("index_mb", "build_s", "version", "status"),
)
STAGES = ("method", "database", "stage", "p50_s", "p95_s", "mean_s")
THRESHOLDS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
# The classes of queries that figures are given for, beside all queries together.
_GROUPS = ("size", "type", "identity")


class Runs:
    """The runs of a benchmark, in the order of the expected methods.

    Args:
        benchmark: the benchmark.
        paths: directories of :func:`rhoma.evaluate.run.run_method`.
        expected: names of methods that should be there; one that is not gets a row that says so.
    """

    def __init__(self, benchmark: Benchmark, paths: Iterable[Path], expected: Sequence[str] = ()) -> None:
        from rhoma.evaluate.run import RunRow

        self.benchmark = benchmark
        self.rows: list[tuple[RunRow, Path | None]] = []
        self.about: dict[str, str] = {}
        found = {}
        for path in sorted(paths):
            name, about, rows = read_run(path)
            self.about[name] = about
            found[name] = [(row, path / row.database) for row in rows]
        for name in [*expected, *(name for name in found if name not in expected)]:
            if name in found:
                self.rows += found[name]
            else:
                lost = "failed: no result (see the log of its task)"
                missing = [n for n in benchmark.databases if n != DECOYS]
                self.rows += [(RunRow(name, "tool", database, lost), None) for database in missing]


def retrieval(runs: Runs) -> tuple[list[Row], list[Row], list[Row]]:
    """Returns the rows of retrieval.tsv, of the classes (every figure with interval), of single queries."""
    infos = {info.query: info for info in runs.benchmark.infos}
    overall: list[Row] = []
    classes: list[Row] = []
    single: list[Row] = []
    for run, path in runs.rows:
        if run.database == DECOYS:
            continue
        base: Row = {"method": run.method, "database": run.database, "kind": run.kind, "status": run.status}
        if path is None or run.status != "ok":
            overall.append({**base, "queries": 0})
            continue
        truths = runs.benchmark.truths(run.database)
        asked = _asked(path)
        rankings = read_ranking(path / "ranking.tsv")
        rows: list[Row] = []
        for query, truth in truths.items():
            if query in asked:
                judged = judge(rankings.get(query, []), truth)
                found: Row = {"method": run.method, "database": run.database, "query": query}
                rows.append({**found, "family": truth.family, "positives": judged.positives, **figures(judged)})
        if not _has_evalues(rankings):
            rows = [{**row, "precision": math.nan, "recall": math.nan, "f1": math.nan} for row in rows]
        single += rows
        summary = _summary(rows)
        low, high = summary["roc1"][1:]
        overall.append(
            {
                **base,
                "queries": len(rows),
                "roc1_low": low,
                "roc1_high": high,
                **{name: values[0] for name, values in summary.items()},
            }
        )
        groups = {("all", "all"): rows}
        for group in _GROUPS:
            for row in rows:
                groups.setdefault((group, str(getattr(infos[str(row["query"])], group))), []).append(row)
        for (group, value), members in sorted(groups.items()):
            where: Row = {"method": run.method, "database": run.database, "class": group, "value": value}
            for name, (center, low, high) in _summary(members).items():
                numbers: Row = {"figure": name, "mean": center, "low": low, "high": high}
                classes.append({**where, "queries": len(members), **numbers})
    return overall, classes, single


def _asked(path: Path) -> set[str]:
    lines = (path / "timings.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return {line.split("\t")[0] for line in lines}


def _has_evalues(rankings: Mapping[str, Sequence[RankedHit]]) -> bool:
    hits = [hit for hits in rankings.values() for hit in hits]
    return not hits or any(not math.isnan(hit.evalue) for hit in hits)


def _summary(rows: Sequence[Row]) -> dict[str, tuple[float, float, float]]:
    families = [str(row["family"]) for row in rows]
    found = {}
    for name in FIGURES:
        values = np.array([row[name] for row in rows], dtype=np.float64)
        found[name] = (mean(values), *interval(values, families))
    return found


def evalues(runs: Runs) -> list[Row]:
    """Returns the rows of evalue.tsv: false hits a query up to an E-value, in the database of decoys alone.

    The interval is the exact one of a Poisson count. ``within_3`` says whether it meets [E / 3, 3 E].
    """
    rows: list[Row] = []
    for run, path in runs.rows:
        if run.database != DECOYS:
            continue
        if path is None or run.status != "ok":
            rows.append({"method": run.method, "status": run.status})
            continue
        rankings = read_ranking(path / "ranking.tsv")
        found = np.array([hit.evalue for hits in rankings.values() for hit in hits])
        queries = len(_asked(path))
        for threshold in THRESHOLDS:
            count = int((found <= threshold).sum())
            low, high = (bound / queries for bound in poisson_interval(count))
            rows.append(
                {
                    "method": run.method,
                    "expected": threshold,
                    "observed": count / queries,
                    "low": low,
                    "high": high,
                    "queries": queries,
                    "within_3": "yes" if low <= 3 * threshold and high >= threshold / 3 else "no",
                    "status": "ok",
                }
            )
    return rows


def poisson_interval(count: int, level: float = 0.95) -> tuple[float, float]:
    """Returns the exact (Garwood) interval of a Poisson mean, given a count."""
    from scipy.stats import chi2

    tail = (1 - level) / 2
    low = 0.0 if count == 0 else float(chi2.ppf(tail, 2 * count)) / 2
    return low, float(chi2.ppf(1 - tail, 2 * count + 2)) / 2


def speed(runs: Runs) -> tuple[list[Row], list[Row]]:
    """Returns the rows of speed.tsv (seconds a query) and of its stages."""
    rows: list[Row] = []
    stages: list[Row] = []
    for run, path in runs.rows:
        base: Row = {"method": run.method, "database": run.database, "status": run.status}
        if path is None or run.status != "ok":
            rows.append(base)
            continue
        times: dict[str, list[float]] = {}
        for line in (path / "timings.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            _, stage, seconds = line.split("\t")
            times.setdefault(stage, []).append(float(seconds))
        for stage, values in times.items():
            p50, p95 = np.quantile(values, [0.5, 0.95])
            where: Row = {"method": run.method, "database": run.database, "stage": stage}
            stages.append({**where, "p50_s": p50, "p95_s": p95, "mean_s": float(np.mean(values))})
        total = stages[-len(times)]
        rows.append(
            {
                **base,
                "queries": run.queries,
                "threads": run.threads,
                "wall_s": run.wall / run.queries,
                "cpu_s": run.cpu / run.queries,
                "p50_s": total["p50_s"],
                "p95_s": total["p95_s"],
                "peak_mb": run.peak,
                "index_mb": run.size,
                "build_s": run.build,
                "version": run.version,
            }
        )
    return rows, stages


def write_tables(runs: Runs, out: Path) -> None:
    """Writes retrieval, retrieval_classes, retrieval_queries, evalue, speed and stages into a directory."""
    from rhoma.evaluate.tables import write_table

    overall, classes, single = retrieval(runs)
    costs, stages = speed(runs)
    write_table(out, "retrieval", RETRIEVAL, overall)
    write_table(out, "retrieval_classes", CLASSES, classes)
    write_table(out, "retrieval_queries", PER_QUERY, single)
    write_table(out, "evalue", EVALUE, evalues(runs))
    write_table(out, "speed", SPEED, costs)
    write_table(out, "stages", STAGES, stages)


def failed(rows: Iterable[tuple[RunRow, Path | None]]) -> list[str]:
    """Returns one line for each run that failed."""
    return [f"{run.method} on {run.database}: {run.status}" for run, _ in rows if run.status != "ok"]
