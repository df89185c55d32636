from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rhoma.cli import run
from rhoma.hits import Hit
from rhoma.io.failed import FAILED, write_failed
from rhoma.io.fasta import write_fasta
from rhoma.io.hits import write_hits_tsv
from rhoma.io.m8 import write_m8
from rhoma.io.rounds import ROUNDS, write_rounds
from rhoma.io.tblout import write_tblout
from rhoma.msa.quality import format_quality
from rhoma.sequences import Record

QUERY = Path(__file__).parents[2] / "bin" / "query.py"


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


def test_a_directory_of_batches_stands_for_them(batches, tmp_path) -> None:
    """As many as there are: not one of them is a word of the command line."""
    assert run(["query", "report", *batches, "--quiet"]) == 0
    expected = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    for step, names in (("search", ("a", "b")), ("fasta", ("q.fasta",))):
        (tmp_path / "all" / step).mkdir(parents=True)
        for name in names:
            (tmp_path / "all" / step / name).symlink_to(tmp_path / name)
    directory = ["--batches", str(tmp_path / "all")]
    assert run(["query", "report", *directory, "--out", str(tmp_path / "again"), "--quiet"]) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == expected


def test_batches_are_given_in_one_way(batches, tmp_path, capfd) -> None:
    assert run(["query", "report", *batches, "--batches", str(tmp_path)]) == 2
    assert run(["query", "report", "--batches", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 1
    assert "none: no such directory" in capfd.readouterr().err


def test_more_families_than_a_command_line_holds(tmp_path) -> None:
    """Their paths together are longer than the largest argument list of this system."""
    count = os.sysconf("SC_ARG_MAX") // 200 + 1
    family = tmp_path / "family"
    family.mkdir()
    (family / "msa.tsv").write_text(format_quality([]))
    write_failed(family / FAILED, [])
    aligned = tmp_path / "all" / "msa"
    aligned.mkdir(parents=True)
    for number in range(count):
        (aligned / f"{number:0200d}").symlink_to(family)
    (tmp_path / "p.json").write_text('{"families": ["lost"]}')
    options = ["--families", "--batches", tmp_path / "all", "--params", tmp_path / "p.json", "--out", tmp_path / "out"]
    program = [sys.executable, QUERY, "report", *map(str, options)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "failed.tsv").read_text().splitlines()[1].startswith("lost\t")


def test_missing_inputs_are_named(batches, tmp_path, capfd) -> None:
    assert run(["query", "report", *batches, "--params", str(tmp_path / "p.json")]) == 1
    assert "p.json: no such file" in capfd.readouterr().err
    assert not (tmp_path / "out" / "report.html").exists()
