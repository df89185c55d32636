"""Running one method on the databases of a benchmark, and what that leaves.

``<out>/<database>/ranking.tsv`` (the ranked lists), ``<out>/<database>/timings.tsv`` (query, stage, seconds)
and ``<out>/run.json``, written last. A method that fails leaves a ``run.json`` that says how, and the
benchmark goes on.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhoma.evaluate.benchmark import DECOYS
from rhoma.evaluate.methods import make
from rhoma.evaluate.methods.base import Task
from rhoma.evaluate.model import SHIPPED
from rhoma.evaluate.ranking import measured, peak_megabytes, write_ranking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rhoma.evaluate.benchmark import Benchmark
    from rhoma.evaluate.methods.base import Entry
    from rhoma.evaluate.model import Model
    from rhoma.evaluate.ranking import Answer
    from rhoma.models.runtimes import Device
    from rhoma.sequences import Record

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunRow:
    """How one method went on one database.

    Attributes:
        method: its name.
        kind: its kind.
        database: name of the database.
        status: ``ok``, or what went wrong.
        version: of what was run.
        queries: number of queries.
        wall: seconds on the clock for all queries.
        cpu: seconds of all cores for all queries.
        peak: largest resident memory so far, MB.
        build: seconds to make what is searched.
        size: MB of it.
        threads: it might use.
    """

    method: str
    kind: str
    database: str
    status: str
    version: str = ""
    queries: int = 0
    wall: float = float("nan")
    cpu: float = float("nan")
    peak: float = float("nan")
    build: float = float("nan")
    size: float = float("nan")
    threads: int = 1


def run_method(
    entry: Entry,
    benchmark: Benchmark,
    out: Path,
    *,
    indexes: Mapping[str, Path] | None = None,
    databases: Sequence[str] | None = None,
    model: Model = SHIPPED,
    threads: int = 1,
    most_queries: int | None = None,
) -> list[RunRow]:
    """Returns one row a database; files as the module says.

    Args:
        entry: the method.
        benchmark: the benchmark.
        out: a directory; an earlier run there is replaced.
        indexes: database -> directory of ``evaluate index``, for methods of rhoma.
        databases: which ones; by default all, the decoys only for methods with E-values.
        model: of the index, for methods of rhoma.
        threads: for the method.
        most_queries: only so many, spread evenly over the queries.
    """
    wanted = [n for n in benchmark.databases if n != DECOYS or entry.evalues] if databases is None else databases
    queries = spread(benchmark.queries(), most_queries)
    seeds = benchmark.path / "seeds"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shared: dict[str, Any] = {}
    rows = []
    for database in wanted:
        task = Task(
            targets=benchmark.targets(database).absolute(),
            work=Path(),
            threads=threads,
            model=model,
            seeds=seeds.absolute() if seeds.is_dir() else None,
            families={info.query: info.family for info in benchmark.infos},
            shared=shared,
        )
        bundle = indexes.get(database) if indexes and entry.needs_index else None
        rows.append(_one(entry, database, task, queries, out / database, bundle))
        logger.info("%s on %s: %s", entry.name, database, rows[-1].status)
    (out / "run.json").write_text(
        json.dumps({"method": entry.name, "about": entry.about, "rows": [asdict(row) for row in rows]}, indent=2)
        + "\n",
        encoding="utf-8",
    )
    return rows


def spread(queries: Sequence[Record], most: int | None) -> list[Record]:
    """Returns at most so many queries, evenly spaced in their order."""
    if most is None or most >= len(queries):
        return list(queries)
    return [queries[round((number + 0.5) * len(queries) / most - 0.5)] for number in range(most)]


def _one(entry: Entry, database: str, task: Task, queries: list[Record], out: Path, bundle: Path | None) -> RunRow:
    row = RunRow(entry.name, entry.kind, database, "ok", queries=len(queries), threads=task.threads)
    with tempfile.TemporaryDirectory(prefix="rhoma_") as directory:
        index = bundle.absolute() / "index" if bundle is not None else None
        placed = replace(task, work=Path(directory), index=index)
        try:
            method = make(entry, placed)
            with measured() as build:
                files = method.build()
            seconds = build.wall
            if bundle is not None:
                seconds = json.loads((bundle / "build.json").read_text(encoding="utf-8"))["seconds"]
            # One warm run first: what is measured is searching, not imports and cold files.
            for _ in method.search(queries[:1]):
                pass
            with measured() as cost:
                answers = list(method.search(queries))
            version = method.version()
        except Exception as error:  # noqa: BLE001 (a method may fail in any way; its row says how)
            return replace(row, status=f"failed: {' '.join(str(error).split()) or type(error).__name__}"[:300])
        _write(out, answers)
        return replace(
            row,
            version=version,
            wall=cost.wall,
            cpu=cost.cpu,
            peak=peak_megabytes(),
            build=seconds,
            size=sum(size_of(path) for path in files) / 1e6,
        )


def size_of(path: Path) -> int:
    """Returns the bytes of a file, or of all files below a directory."""
    if path.is_file():
        return path.stat().st_size
    return sum(below.stat().st_size for below in path.rglob("*") if below.is_file())


def _write(out: Path, answers: list[Answer]) -> None:
    out.mkdir()
    write_ranking(out / "ranking.tsv", answers)
    lines = ["query\tstage\tseconds"]
    for answer in answers:
        stages = {"total": answer.cost.wall, **answer.stages}
        lines += [f"{answer.query}\t{stage}\t{seconds:.5f}" for stage, seconds in stages.items()]
    (out / "timings.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_run(path: Path) -> tuple[str, str, list[RunRow]]:
    """Returns name, description and rows of a run's directory."""
    found = json.loads((path / "run.json").read_text(encoding="utf-8"))
    return found["method"], found["about"], [RunRow(**row) for row in found["rows"]]


def build_rhoma_index(
    targets: Path, out: Path, *, model: Model, device: Device = "cpu", threads: int = 1
) -> dict[str, float]:
    """Returns what making an index took; writes ``<out>/index`` and ``<out>/build.json``.

    Args:
        targets: FASTA file of the database.
        out: a directory; an earlier index there is replaced.
        model: makes the vectors.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: for embedding.

    Raises:
        RhomaError: the file or the model cannot be used.
    """
    from rhoma.index.build import build_index
    from rhoma.io.fasta import read_fasta
    from rhoma.store import write_store

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    embedder = model.load(device=device, threads=threads)
    records, _ = read_fasta(targets, skip="short")
    with measured() as embedding:
        store = write_store(out / "store", records, embedder)
    with measured() as indexing:
        build_index(records, store, out / "index")
    facts = {
        "seconds": embedding.wall + indexing.wall,
        "embed_seconds": embedding.wall,
        "index_seconds": indexing.wall,
        "residues": float(sum(len(record.sequence) for record in records)),
        "windows": float(store.manifest.n_windows),
        "peak_mb": peak_megabytes(),
    }
    shutil.rmtree(out / "store")
    (out / "build.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts
