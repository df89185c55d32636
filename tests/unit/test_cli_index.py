from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma import __version__, cli
from rhoma.errors import DeviceMemoryError
from rhoma.index.bundle import Index
from rhoma.io.fasta import Skipped, read_fasta
from rhoma.io.skipped import read_skipped
from rhoma.store import write_store

if TYPE_CHECKING:
    from pathlib import Path

SEQUENCES = {
    "a": "GGGAAACUUCGGUUUCCCAAGGCUAUCGA",
    "b": "ACGAUCGAUUAGCUAGCUAACGGAUCCAG",
    "c": "UUGACGGCUAGCUAGGGACUACGAGCAUC",
}
FORBIDDEN = ("torch", "faiss", "polars", "pyhmmer", "matplotlib", "RNA", "scipy", "onnxruntime")


def names_of(index: Index) -> list[str]:
    """Returns the first live name of every sequence; the empty string for a dead one."""
    return [(index.copies(number) or [""])[0] for number in range(index.n_sequences)]


@pytest.fixture
def files(tmp_path: Path, toy_embedder: Any) -> Path:
    for name, chosen in (("db", "ab"), ("more", "c")):
        fasta = tmp_path / f"{name}.fasta"
        fasta.write_text("".join(f">{letter}\n{SEQUENCES[letter]}\n" for letter in chosen))
        write_store(tmp_path / name, read_fasta(fasta)[0], toy_embedder)
    return tmp_path


def rhoma(*arguments: Any) -> int:
    return cli.run([str(argument) for argument in arguments])


def test_the_life_of_an_index(files: Path, capsys: pytest.CaptureFixture[str]):
    index = files / "index"
    build = ("index", "build", "--fasta", files / "db.fasta", "--store", files / "db", "--out", index)
    assert rhoma(*build, "--no-mmseqs", "--threads", 1) == 0
    assert names_of(Index.open(index)) == ["a", "b"]
    assert rhoma("index", "add", index, "--fasta", files / "more.fasta", "--store", files / "more") == 0
    assert rhoma("index", "delete", index, "a") == 0
    (files / "names.txt").write_text("b\n")
    assert rhoma("index", "delete", index, "--from-file", files / "names.txt") == 0
    assert rhoma("index", "compact", index) == 0
    assert rhoma("index", "verify", index) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1 names, 1 distinct sequences, 0 of them near copies, 1 windows, 1 segments" in captured.err
    assert rhoma("index", "info", index) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["kind"], described["n_names"], described["model"]["name"]) == ("index", 1, "toy")
    assert (described["n_windows"], described["n_representatives"], described["n_residues"]) == (1, 1, 29)
    assert described["bytes"] == sum(
        path.stat().st_size for path in index.rglob("*") if path.is_file() and path.name != "skipped_records.tsv"
    )
    assert described["bytes_per_nucleotide"] == round(described["bytes"] / 29, 2)
    assert names_of(Index.open(index)) == ["c"]


def test_bad_records_are_left_out_and_listed(files: Path, capsys: pytest.CaptureFixture[str]):
    index, clean = files / "index", (files / "db.fasta").read_text()
    (files / "db.fasta").write_text(f"{clean}>tiny\nACGU\n>x\nACGUACGUXACGUACGU\n{clean}>a other\n{SEQUENCES['c']}\n")
    build = ("index", "build", "-f", files / "db.fasta", "-s", files / "db", "-o", index, "--no-mmseqs")
    assert rhoma(*build, "--strict") == 1
    assert "'tiny': has 4 nucleotides" in capsys.readouterr().err
    assert not index.exists()
    assert rhoma(*build) == 0
    assert "skipped tiny (line 5): has 4 nucleotides" in capsys.readouterr().err
    assert names_of(Index.open(index)) == ["a", "b"]
    listed = [
        Skipped("tiny", 4, "has 4 nucleotides, fewer than the 15 that are needed", "db.fasta", 5),
        Skipped("x", 17, "letter 'X' at position 9 is no IUPAC nucleotide code", "db.fasta", 7),
        Skipped("a", 29, "the name is used twice, in lines 1 and 13", "db.fasta", 13),
    ]
    assert read_skipped(index / "skipped_records.tsv") == listed
    with (files / "more.fasta").open("a") as handle:
        handle.write(">none\n")
    assert rhoma("index", "add", index, "--fasta", files / "more.fasta", "--store", files / "more") == 0
    assert rhoma("index", "compact", index) == 0
    assert rhoma("index", "verify", index) == 0
    listed.append(Skipped("none", 0, "has no sequence", "more.fasta", 3))
    assert read_skipped(index / "skipped_records.tsv") == listed


def test_errors_go_to_stderr_with_status_1_and_leave_nothing(files: Path, capsys: pytest.CaptureFixture[str]):
    build = ("index", "build", "-s", files / "db", "-o", files / "index", "--no-mmseqs", "-f")
    assert rhoma(*build, files / "none.fasta") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"error: {files / 'none.fasta'}: no such file. Remedy: check the path\n"
    assert rhoma(*build, files / "more.fasta") == 1
    assert "has no vectors of 'c'" in capsys.readouterr().err
    assert not (files / "index").exists()
    assert rhoma("index", "delete", files / "db", "a") == 1
    assert "is a store, not a index" in capsys.readouterr().err


def test_an_index_in_shards_is_the_one_built_at_once(
    files: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
):
    fasta = files / "all.fasta"
    rng = np.random.default_rng(0)
    fasta.write_text("".join(f">s{i} d\n{''.join(rng.choice(list('ACGU'), 150))}\n" for i in range(12)) + ">bad\nNN\n")
    model = ("--model", tiny_bundle)
    whole = ("index", "build", "--fasta", fasta, "--out", files / "whole", *model, "--no-mmseqs", "--kind", "pq")
    assert rhoma(*whole) == 0
    shards = files / "shards"
    split = ("index", "split", "--fasta", fasta, "--out", shards, *model, "--no-mmseqs", "--kind", "pq")
    assert rhoma(*split, "--shard-windows", 15) == 0
    assert rhoma("embed", "--fasta", shards / "sample.fasta", "--out", files / "sample", *model) == 0
    book = files / "book"
    assert rhoma("index", "codebook", "--shards", shards, "--store", files / "sample", "--out", book) == 0
    segments: list[Any] = []
    for shard in sorted((shards / "segments").iterdir()):
        store, out = files / f"store.{shard.name}", files / f"segment.{shard.name}"
        assert rhoma("embed", "--fasta", shard / "representatives.fasta", "--out", store, *model) == 0
        make = ("index", "segment", "--shard", shard, "--store", store, "--codebook", book, "--out", out)
        assert rhoma(*make) == 0
        segments += ["--segment", out]
    assert len(segments) >= 6
    assert rhoma("index", "join", "--shards", shards, *segments, "--codebook", book, "--out", files / "index") == 0
    assert rhoma("index", "verify", files / "index") == 0
    together = files / "together"
    together.mkdir()
    for place in segments[1::2]:
        (together / place.name).symlink_to(place)
    join = ("index", "join", "--shards", shards, "--codebook", book, "--out", files / "again")
    assert rhoma(*join, "--segments", together) == 0
    assert (files / "again" / "manifest.json").read_bytes() == (files / "index" / "manifest.json").read_bytes()
    assert rhoma(*join) == rhoma(*join, *segments, "--segments", together) == 2
    one, many = Index.open(files / "whole"), Index.open(files / "index")
    assert names_of(many) == names_of(one) == [f"s{i}" for i in range(12)]
    vectors = one.vectors(np.arange(one.n_windows))
    np.testing.assert_allclose(many.vectors(np.arange(many.n_windows)), vectors, atol=0.02)
    np.testing.assert_array_equal(many.search(vectors, 1)[1], one.search(vectors, 1)[1])
    for index in (one, many):
        assert [record.id for record in read_skipped(index.path / "skipped_records.tsv")] == ["bad"]
    assert not [path for path in files.iterdir() if path.name.startswith(".")]
    assert "skipped bad" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("index", "nonsense"),
        ("index", "build", "--kind", "banana"),
        ("index", "build"),
        ("index", "info", "x", "--colour"),
        ("index", "compact", "x", "--threads", "0"),
    ],
)
def test_usage_errors_have_status_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    assert rhoma(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error" in captured.err


def test_version_and_help(capsys: pytest.CaptureFixture[str]):
    assert rhoma("--version") == 0
    assert capsys.readouterr().out == f"rhoma {__version__}\n"
    assert rhoma("--help") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in cli.COMMANDS)
    assert rhoma("index", "--help") == 0
    assert "compact" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "status"), [(DeviceMemoryError("full"), 75), (KeyboardInterrupt(), 130), (SystemExit(4), 4)]
)
def test_exit_statuses(error: BaseException, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("rhoma.index.describe.describe_index", fail)
    assert rhoma("index", "info", tmp_path) == status
    with pytest.raises(SystemExit) as caught:
        cli.main(["index", "info", str(tmp_path)])
    assert caught.value.code == status


def test_help_imports_nothing_heavy():
    code = f"""
import sys
from rhoma import cli
assert cli.run(["--help"]) == 0
assert cli.run(["index", "build", "--help"]) == 0
loaded = [name for name in {FORBIDDEN!r} if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_progress_off_a_terminal_is_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    from rhoma.cli import common

    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with common.progress("windows") as tell:
        for second in range(0, 130, 10):
            now[0] = float(second)
            tell(second, 200)
    assert capsys.readouterr().err.splitlines() == ["windows: 60 of 200 (30 %)", "windows: 120 of 200 (60 %)"]
    with common.progress("windows", quiet=True) as tell:
        now[0] = 1000.0
        tell(1, 2)
    assert capsys.readouterr().err == ""


def test_threads_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    from rhoma.cli.common import default_threads

    monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
    assert default_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "none")
    assert default_threads() >= 1
