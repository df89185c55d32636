from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from rhoma.cli import run
from rhoma.hits import Hit
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.fasta import write_fasta
from rhoma.io.hits import write_hits_tsv
from rhoma.io.m8 import write_m8
from rhoma.io.rounds import ROUNDS, write_rounds
from rhoma.io.tblout import write_tblout
from rhoma.sequences import Record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def batches(tmp_path: Path) -> list[str]:
    arguments = []
    for name in ("b", "a"):
        search = tmp_path / name
        search.mkdir()
        found = [Hit(name, "t", "-", 1, 20, 1, 20, 20, 0.9, math.nan, 9.0, 30.0, 1e-9, "profile")]
        write_hits_tsv(search / "hits.tsv", found)
        write_m8(search / "hits.m8", found)
        write_tblout(search / "hits.tblout", found, evalue=1e-3)
        write_rounds(search / ROUNDS, [])
        write_failed(search / FAILED, [("broken", "out of memory")] if name == "a" else [])
        arguments += ["--search", str(search)]
    write_fasta(tmp_path / "q.fasta", [Record(name, "", "ACGUACGUACGUACGUACGU") for name in ("b", "c", "a")])
    return [*arguments, "--fasta", str(tmp_path / "q.fasta"), "--out", str(tmp_path / "out")]


def test_report_merges_batches(batches, tmp_path, capfd) -> None:
    assert run(["query", "report", *batches, "--title", "Mine & yours"]) == 0
    out = tmp_path / "out"
    tables = ["failed.tsv", "hits.bed", "hits.gff3", "hits.m8", "hits.tblout", "hits.tsv"]
    assert sorted(path.name for path in out.iterdir()) == [*tables, "report.html", "rhoma_queries_mqc.tsv"]
    text = (out / "report.html").read_text()
    assert "<h1>Mine &amp; yours</h1>" in text
    assert (out / "failed.tsv").read_text() == "query\treason\nbroken\tout of memory\n"
    assert "<td>out of memory</td>" in text
    places = [text.index(f'class="name">{name}</span>') for name in ("b", "a")]
    assert places == sorted(places)
    assert capfd.readouterr().out == ""


def test_report_twice_gives_the_same_bytes(batches, tmp_path) -> None:
    files = []
    for _ in range(2):
        assert run(["query", "report", *batches, "--quiet"]) == 0
        files.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert files[0] == files[1]


@pytest.mark.parametrize("options", [["--evalue", "banana"], ["--evalue", "-1"], ["--top", "0"]])
def test_bad_options_are_usage_errors(batches, options) -> None:
    assert run(["query", "report", *batches, *options]) == 2


def test_missing_inputs_are_named(batches, tmp_path, capfd) -> None:
    assert run(["query", "report", *batches, "--params", str(tmp_path / "p.json")]) == 1
    assert "p.json: no such file" in capfd.readouterr().err
    assert not (tmp_path / "out" / "report.html").exists()
