from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from rhoma.errors import RhomaError
from rhoma.evaluate import score
from rhoma.evaluate.assemble import assemble
from rhoma.evaluate.benchmark import Benchmark
from rhoma.evaluate.dataset import own_dataset
from rhoma.evaluate.methods.base import Entry
from rhoma.evaluate.ranking import Answer, Cost, RankedHit, best_of_targets, measured, read_ranking, write_ranking
from rhoma.evaluate.run import read_run, run_method, spread
from rhoma.evaluate.tables import cell, markdown, read_table, write_table
from rhoma.io.fasta import write_fasta
from rhoma.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task


class Perfect:
    """Finds everything that shares a family's first letter with the query's name."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.calls = 0

    def build(self) -> list[Path]:
        return [self.task.targets]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        self.calls += 1
        for query in queries:
            names = [line[1:].strip() for line in self.task.targets.read_text().splitlines() if line[0] == ">"]
            hits = [RankedHit(query.id, n, "+", 10.0 if n[0] == query.id[0] else 1.0, 1e-9) for n in names]
            assert self.calls > 1 or len(queries) == 1
            yield Answer(query.id, hits, Cost(0.5, 0.25), {"look": 0.5})

    def version(self) -> str:
        return "perfect 1.0"


class Broken(Perfect):
    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        raise RhomaError("the program\nhas crashed")


PERFECT = Entry("perfect", f"{__name__}:Perfect", "knows")
BROKEN = Entry("broken", f"{__name__}:Broken", "does not")


@pytest.fixture
def benchmark_dir(tmp_path: Path) -> Benchmark:
    """Three queries of three families with two more members each, two of one clan, and three decoys."""
    rng = np.random.default_rng(0)
    names = [f"{family}{n}" for family in "abc" for n in range(3)]
    letters = {name: "".join(rng.choice(list("ACGU"), size=80)) for name in [*names, "d0", "d1", "d2"]}
    write_fasta(tmp_path / "q.fa", [Record(name, "", letters[name]) for name in ("a0", "b0", "c0")])
    write_fasta(tmp_path / "t.fa", [Record(name, "", text) for name, text in letters.items()])
    rows = [f"{name}\t{name[0].upper()}\t{'C1' if name[0] in 'ab' else ''}" for name in names]
    (tmp_path / "l.tsv").write_text("\n".join(["id\tfamily\tclan", *rows]) + "\n")
    own_dataset(tmp_path / "q.fa", tmp_path / "t.fa", tmp_path / "l.tsv", tmp_path / "bench")
    return Benchmark(tmp_path / "bench")


def test_a_run_and_its_tables(benchmark_dir: Benchmark, tmp_path: Path) -> None:
    (row,) = run_method(PERFECT, benchmark_dir, tmp_path / "run", threads=2)
    assert (row.status, row.queries, row.version, row.threads) == ("ok", 3, "perfect 1.0", 2)
    assert row.size == pytest.approx(benchmark_dir.targets("own").stat().st_size / 1e6)
    assert read_run(tmp_path / "run") == ("perfect", "knows", [row])
    runs = score.Runs(benchmark_dir, [tmp_path / "run"], ["perfect"])
    (overall,), classes, single = score.retrieval(runs)
    assert (overall["queries"], overall["roc1"], overall["f1"]) == (
        3,
        1.0,
        pytest.approx((4 / 11 + 4 / 11 + 4 / 13) / 3, abs=0.2),
    )
    assert {row["class"] for row in classes} == {"all", "size", "type", "identity"}
    assert [row["query"] for row in single] == ["a0", "b0", "c0"]
    (cost,), stages = score.speed(runs)
    assert cost["p50_s"] == 0.5
    assert {row["stage"] for row in stages} == {"total", "look"}


def test_a_method_that_fails_is_a_row_that_says_so(benchmark_dir: Benchmark, tmp_path: Path) -> None:
    run_method(BROKEN, benchmark_dir, tmp_path / "broken")
    run_method(PERFECT, benchmark_dir, tmp_path / "perfect")
    failures = assemble(
        benchmark_dir,
        [tmp_path / "broken", tmp_path / "perfect"],
        tmp_path / "out",
        expected=["lost", "broken", "perfect"],
    )
    assert failures[0].startswith("lost on own: failed: no result")
    assert failures[1] == "broken on own: failed: the program has crashed"
    rows = [line.split("\t") for line in (tmp_path / "out" / "retrieval.tsv").read_text().splitlines()]
    named = "method database queries roc1 roc1_low roc1_high map recall_10 recall_100 recall_1000 precision recall f1"
    assert rows[0][:13] == named.split()
    status = {row[0]: (row[2], row[3], row[-1]) for row in rows[1:]}
    assert status["lost"][:2] == status["broken"][:2] == ("0", "NA")
    assert status["broken"][2] == "failed: the program has crashed"
    assert status["perfect"] == ("3", "1", "ok")
    for name in ("speed", "evalue", "msa", "embedding"):
        assert (tmp_path / "out" / f"{name}.tsv").read_text().startswith("method\t")
    lines = (tmp_path / "out" / "rhoma_benchmark_mqc.tsv").read_text().splitlines()
    head, *multiqc = [line.split("\t") for line in lines if not line.startswith("#")]
    shown = {row[0]: dict(zip(head, row, strict=True)) for row in multiqc}
    assert set(shown) == {"lost on own", "broken on own", "perfect on own"}
    assert shown["perfect on own"]["ROC1"] == "1"
    assert float(shown["perfect on own"]["Median seconds"]) >= 0
    assert list(shown["broken on own"].values())[1:4] == ["failed", "", ""]
    assert shown["broken on own"]["Reason"] == "the program has crashed"
    page = (tmp_path / "out" / "benchmark.md").read_text()
    assert "broken on own: failed: the program has crashed" in page
    assert "processor" in page


def test_the_report_is_self_contained_and_the_same_again(benchmark_dir: Benchmark, tmp_path: Path) -> None:
    run_method(PERFECT, benchmark_dir, tmp_path / "run")
    part = tmp_path / "part"
    part.mkdir()
    point = {"id": "</script>", "family": "A", "clan": "none", "type": "x", "x": 0.1, "y": 0.9}
    (part / "atlas.json").write_text(json.dumps([point]))
    for out in ("one", "two"):
        assemble(
            benchmark_dir, [tmp_path / "run"], tmp_path / out, expected=["perfect"], parts=[part], command="make it"
        )
    html = (tmp_path / "one" / "report.html").read_text()
    # The namespace of SVG is a name, not an address that is fetched.
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!#|data:)(?:https?:)?//", html)
    assert html.count("<svg") >= 3
    assert "make it" in html
    assert "</script>" not in html.split('id="atlas-data">')[1].split("}]")[0]
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes()


def test_evalues_are_counted_on_decoys(benchmark_dir: Benchmark, tmp_path: Path) -> None:
    (benchmark_dir.path / "decoys").mkdir()
    write_fasta(benchmark_dir.path / "decoys" / "targets.fasta", [Record(f"x{n}", "", "ACGU" * 9) for n in range(4)])
    settings = {**benchmark_dir.settings, "databases": ["own", "decoys"]}
    (benchmark_dir.path / "dataset.json").write_text(json.dumps(settings))
    benchmark = Benchmark(benchmark_dir.path)
    run_method(PERFECT, benchmark, tmp_path / "run")
    rows = score.evalues(score.Runs(benchmark, [tmp_path / "run"]))
    # Four decoys a query at E = 1e-9: far from the line for 1e-3, within a factor 3 of 10 and nearly of 1.
    assert [row["observed"] for row in rows] == [4.0] * 5
    assert [row["within_3"] for row in rows] == ["no", "no", "no", "yes", "yes"]
    silent = Entry("silent", PERFECT.factory, "", evalues=False)
    assert [row.database for row in run_method(silent, benchmark, tmp_path / "silent")] == ["own"]


def test_poisson_intervals_are_those_of_the_books() -> None:
    assert score.poisson_interval(0) == (0.0, pytest.approx(3.689, abs=1e-3))
    assert score.poisson_interval(10) == (pytest.approx(4.795, abs=1e-3), pytest.approx(18.39, abs=1e-2))


def test_rankings_come_back(tmp_path: Path) -> None:
    hits = [
        RankedHit("q", "a", "-", 3.5, 1e-5),
        RankedHit("q", "b", "+", 2.0, math.nan),
        RankedHit("q", "a", "+", 1.0, 1.0),
    ]
    write_ranking(tmp_path / "r.tsv", [Answer("q", hits, Cost(1.5)), Answer("none", [], Cost())])
    back = read_ranking(tmp_path / "r.tsv")
    assert list(back) == ["q"]
    np.testing.assert_equal(
        [(h.target, h.score, h.evalue) for h in back["q"]], [("a", 3.5, 1e-5), ("b", 2.0, math.nan)]
    )
    (tmp_path / "r.tsv").write_text("query\ttarget\tstrand\tscore\tevalue\tseconds\nq\ta\n")
    with pytest.raises(RhomaError, match="record number 2"):
        read_ranking(tmp_path / "r.tsv")


def test_the_best_hit_of_a_target_counts() -> None:
    hits = [RankedHit("q", "b", "+", 2.0, 1.0), RankedHit("q", "a", "+", 2.0, 1.0), RankedHit("q", "b", "-", 5.0, 1.0)]
    assert [(hit.target, hit.score) for hit in best_of_targets(hits)] == [("b", 5.0), ("a", 2.0)]


def test_queries_are_spread_evenly() -> None:
    queries = [Record(str(n), "", "ACGU") for n in range(10)]
    assert [query.id for query in spread(queries, 3)] == ["1", "4", "8"]
    assert spread(queries, None) == spread(queries, 99) == queries


def test_the_time_of_programs_counts_too() -> None:
    import subprocess
    import sys

    with measured() as cost:
        subprocess.run([sys.executable, "-c", "sum(i * i for i in range(3_000_000))"], check=True)
    assert cost.wall > 0
    assert cost.cpu > 0.05


def test_tables(tmp_path: Path) -> None:
    write_table(tmp_path, "t", ("a", "b"), [{"a": 1, "b": 0.123456}, {"a": "x|y"}])
    assert (tmp_path / "t.tsv").read_text() == "a\tb\n1\t0.1235\nx|y\tNA\n"
    rows = read_table(tmp_path / "t.json")
    assert rows[0] == {"a": 1, "b": 0.123456}
    assert math.isnan(rows[1]["b"])
    assert markdown(("a", "b"), rows).splitlines()[2:] == ["| 1 | 0.123 |", "| x\\|y | NA |"]
    assert cell(math.inf) == "inf"


def test_the_commands_answer() -> None:
    from rhoma.cli.evaluate import app

    runner = CliRunner()
    listed = runner.invoke(app, ["methods", "--preset", "standard"])
    assert listed.exit_code == 0
    assert "rhoma-auto\trhoma\t" in listed.stdout
    wrong = runner.invoke(app, ["dataset", "--out", "x", "--queries", "q.fa"])
    assert wrong.exit_code == 2
    assert "--rfam" in wrong.output
