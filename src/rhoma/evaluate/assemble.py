"""Everything a benchmark measured, put together in one directory."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING

from rhoma.evaluate import score
from rhoma.evaluate.embedding import EMBEDDING
from rhoma.evaluate.msa import MSA
from rhoma.evaluate.multiqc import write_multiqc
from rhoma.evaluate.report import collect, draw, facts_of, write_page, write_report
from rhoma.evaluate.tables import read_table, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rhoma.evaluate.benchmark import Benchmark
    from rhoma.evaluate.tables import Row


def assemble(
    benchmark: Benchmark,
    runs: Sequence[Path],
    out: Path,
    *,
    expected: Sequence[str],
    ablations: Path | None = None,
    parts: Sequence[Path] = (),
    preset: str = "quick",
    command: str = "rhoma evaluate",
) -> list[str]:
    """Returns one line for each run that failed; writes tables, plots, ``report.html`` and ``benchmark.md``.

    Args:
        benchmark: the benchmark.
        runs: directories of runs, one a method.
        out: a directory; files of an earlier report are replaced.
        expected: methods that should be there.
        ablations: directory of the ablations' runs.
        parts: directories of the alignment and embedding figures.
        preset: its name.
        command: what reproduces all of this.
    """
    out.mkdir(parents=True, exist_ok=True)
    found = score.Runs(benchmark, runs, expected)
    score.write_tables(found, out)
    failures = score.failed(found.rows)
    for name, columns in (("msa", MSA), ("embedding", EMBEDDING)):
        sources = [part / f"{name}.json" for part in parts if (part / f"{name}.json").is_file()]
        lost: list[Row] = [{"method": "rhoma", "status": "failed: no result (see the log of its task)"}]
        write_table(out, name, columns, read_table(sources[0]) if sources else lost)
    for part in parts:
        for name in ("msa_queries.tsv", "msa_queries.json", "atlas.json"):
            if (part / name).is_file():
                shutil.copyfile(part / name, out / name)
    changed = sorted(ablations.glob("*/run.json")) if ablations is not None else []
    if changed:
        tried = score.Runs(benchmark, [path.parent for path in changed])
        rows, _, _ = score.retrieval(tried)
        seconds = {row["method"]: row.get("wall_s", math.nan) for row in score.speed(tried)[0]}
        rows = [{**row, "wall_s": seconds[row["method"]], "about": tried.about[row["method"]]} for row in rows]
        write_table(out, "ablation", (*score.RETRIEVAL, "wall_s", "about"), rows)
        failures += score.failed(tried.rows)
    facts = facts_of(benchmark, read_table(out / "speed.json"), preset=preset, command=command)
    (out / "facts.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    results = collect(out)
    drawings = draw(results)
    for name, svg in drawings.items():
        (out / name).write_text(svg, encoding="utf-8")
    write_report(results, out / "report.html", drawings)
    write_page(results, out / "benchmark.md")
    write_multiqc(results.tables["retrieval"], results.tables["speed"], out / "rhoma_benchmark_mqc.tsv")
    return failures
