from __future__ import annotations

import gzip
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rhoma.cli import run
from rhoma.index.build import build_index
from rhoma.io.fasta import read_fasta, write_fasta
from rhoma.io.hits import read_hits_tsv
from rhoma.io.skipped import read_skipped
from rhoma.sequences import Record
from rhoma.store import write_store

if TYPE_CHECKING:
    from pathlib import Path

A = "GGAUCCUUAGCAUCGAUUCGGAUACCGAUUAGCAUCGGAUCAGCAUUACGGAUCUAGCAUCGACUAUCGG"
B = "CCAGUUACGAUGGCAUUAGCAAUCCGGAUAUUCGAGGCUUACAGGAUUUCACGGAUAUCCAGACGUCAUG"


def prepared(tmp_path: Path, *options: str) -> int:
    return run(["query", "prepare", "--out", str(tmp_path / "out"), *options])


def test_queries_are_batched_in_order_and_short_ones_reported(tmp_path: Path) -> None:
    path = tmp_path / "q.fa.gz"
    text = "".join(f">q{i} about\r\n{A[:40].lower().replace('u', 't')}\r\n" for i in range(5)) + ">tiny\nACGU\n"
    path.write_bytes(gzip.compress(text.encode()))
    assert prepared(tmp_path, "--input", str(path), "--batch-size", "2", "--quiet") == 0
    batches = sorted((tmp_path / "out" / "batches").iterdir())
    assert [b.name for b in batches] == ["batch_0001.fasta", "batch_0002.fasta", "batch_0003.fasta"]
    names = [record.id for batch in batches for record in read_fasta(batch)[0]]
    assert names == [f"q{i}" for i in range(5)]
    assert read_fasta(batches[0])[0][0].sequence == A[:40]
    (one,) = read_skipped(tmp_path / "out" / "skipped.tsv")
    assert (one.file, one.id, one.line, one.length) == ("q.fa.gz", "tiny", 11, 4)


def test_a_samplesheet_names_the_queries(tmp_path: Path) -> None:
    write_fasta(tmp_path / "one.fa", [Record("x", "", A)])
    write_fasta(tmp_path / "two.fa", [Record("x", "", A), Record("y", "", B)])
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"fasta,id\none.fa,first\n{tmp_path / 'two.fa'},second\n")
    assert prepared(tmp_path, "--input", str(sheet), "--quiet") == 0
    records, _ = read_fasta(tmp_path / "out" / "batches" / "batch_0001.fasta")
    assert [r.id for r in records] == ["first", "second.x", "second.y"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty"]),
        ("id\nx\n", ["line 1", "'fasta'"]),
        ("id,fasta,extra\nx,one.fa,1\n", ["line 1", "'extra'"]),
        ("id,fasta,id\nx,one.fa,x\n", ["line 1", "twice"]),
        ("id,fasta\n", ["no line"]),
        ("id,fasta\nx,one.fa\nx,one.fa\n", ["line 3", "'x'", "line 2"]),
        ("id,fasta\nx\n", ["line 2"]),
        ("id,fasta\nx,none.fa\n", ["line 2", "none.fa"]),
        ("id,fasta\na b,one.fa\n", ["line 2", "blanks"]),
        ("id,fasta\nx.y,one.fa\nx,two.fa\n", ["'x.y'", "two queries"]),
    ],
)
def test_bad_samplesheets_are_refused_by_line(
    tmp_path: Path, text: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_fasta(tmp_path / "one.fa", [Record("x", "", A)])
    write_fasta(tmp_path / "two.fa", [Record("y", "", A), Record("z", "", B)])
    (tmp_path / "sheet.csv").write_text(text)
    assert prepared(tmp_path, "--input", str(tmp_path / "sheet.csv")) == 1
    error = capsys.readouterr().err
    assert all(word in error for word in ["error: ", "sheet.csv", *words])
    assert not (tmp_path / "out").exists()


def test_a_query_may_be_of_any_length(tmp_path: Path) -> None:
    (tmp_path / "q.fa").write_text(f">giant\n{'ACGU' * 7501}\n")
    assert prepared(tmp_path, "--input", str(tmp_path / "q.fa"), "--quiet") == 0
    (record,) = read_fasta(tmp_path / "out" / "batches" / "batch_0001.fasta")[0]
    assert len(record.sequence) == 30_004


def test_an_output_directory_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "q.fa").write_text(f">q\n{A}\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("keep")
    assert prepared(tmp_path, "--input", str(tmp_path / "q.fa")) == 1
    assert "out" in capsys.readouterr().err
    assert (tmp_path / "out" / "mine").read_text() == "keep"


@pytest.fixture
def index(tmp_path: Path, toy_embedder: Any) -> Path:
    records = [Record("a", "", A), Record("b", "", B)]
    store = write_store(tmp_path / "store", records, toy_embedder)
    build_index(records, store, tmp_path / "index", mmseqs=False)
    return tmp_path / "index"


def searched(tmp_path: Path, index: Path, *options: str) -> int:
    command = ["query", "search", "--batch", str(tmp_path / "q.fa"), "--index", str(index)]
    return run([*command, "--out", str(tmp_path / "out"), "--quiet", "--threads", "1", *options])


def test_a_search_writes_its_tables_and_an_alignment_a_query(tmp_path: Path, index: Path, toy_embedder: Any) -> None:
    queries = [Record("q;$(x)/../", "", A[3:]), Record("none", "", "GAAUUC" * 6)]
    write_fasta(tmp_path / "q.fa", queries)
    write_store(tmp_path / "qstore", queries, toy_embedder, strands="both")
    (tmp_path / "q.m8").write_text("none\tb\t0.9\t20\t1\t0\t1\t20\t1\t20\t1e-5\t50\n")
    (tmp_path / "labels.tsv").write_text("id\tfamily\tclan\na\tRF1\tCL1\n")
    options = ["--store", str(tmp_path / "qstore"), "--mmseqs", str(tmp_path / "q.m8")]
    assert searched(tmp_path, index, *options, "--labels", str(tmp_path / "labels.tsv")) == 0
    out = tmp_path / "out"
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert names == {
        "hits.tsv",
        "hits.m8",
        "hits.tblout",
        "hits.gff3",
        "hits.bed",
        "rounds.tsv",
        "failed.tsv",
        "timings.tsv",
        "alignments/q%3B%24%28x%29%2F..%2F.sto",
        "alignments/none.sto",
    }
    (hit,) = [h for h in read_hits_tsv(out / "hits.tsv") if h.evalue <= 1e-3]
    assert (hit.query, hit.target, hit.tstart, hit.tend) == ("q;$(x)/../", "a", 4, 70)
    assert (hit.family, hit.clan) == ("RF1", "CL1")


def test_zero_queries_and_zero_hits_are_well_formed(tmp_path: Path, index: Path, toy_embedder: Any) -> None:
    (tmp_path / "q.fa").write_text(">tiny\nACGU\n")
    write_store(tmp_path / "qstore", [], toy_embedder, strands="both")
    assert searched(tmp_path, index, "--store", str(tmp_path / "qstore")) == 0
    assert read_hits_tsv(tmp_path / "out" / "hits.tsv") == []
    assert (tmp_path / "out" / "hits.m8").read_text() == ""
    assert list((tmp_path / "out" / "alignments").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--evalue", "banana"], 2, ["evalue"]),
        (["--evalue", "0"], 2, ["evalue"]),
        (["--frobnicate"], 2, ["frobnicate"]),
        (["--mmseqs", "none.m8"], 1, ["none.m8", "no such file"]),
        (["--labels", "none.tsv"], 1, ["none.tsv"]),
        (["--index", "nowhere"], 1, ["nowhere"]),
    ],
)
def test_bad_settings_are_refused(
    tmp_path: Path, index: Path, toy_embedder: Any, options: list[str], status: int, words: list[str], capsys: Any
) -> None:
    (tmp_path / "q.fa").write_text(f">q\n{A}\n")
    write_store(tmp_path / "qstore", [Record("q", "", A)], toy_embedder, strands="both")
    assert searched(tmp_path, index, "--store", str(tmp_path / "qstore"), *options) == status
    error = capsys.readouterr().err
    assert all(word in error for word in words)
    assert not (tmp_path / "out").exists()


def test_vectors_of_another_model_or_sequence_are_refused(
    tmp_path: Path, index: Path, toy_embedder: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_fasta(tmp_path / "q.fa", [Record("q", "", A)])
    write_store(tmp_path / "changed", [Record("q", "", B)], toy_embedder, strands="both")
    write_store(tmp_path / "plus", [Record("q", "", A)], toy_embedder)
    write_store(tmp_path / "other", [Record("r", "", A)], toy_embedder, strands="both")
    toy_embedder.sha256, toy_embedder.name = "99" * 32, "stranger"
    write_store(tmp_path / "strange", [Record("q", "", A)], toy_embedder, strands="both")
    for name, words in {
        "changed": "another sequence of the name 'q'",
        "plus": "--strands both",
        "other": "no vectors of 'q'",
        "strange": "not with",
    }.items():
        assert searched(tmp_path, index, "--store", str(tmp_path / name)) == 1
        assert words in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_help_names_all_commands_and_loads_no_heavy_library() -> None:
    code = (
        "import sys; from rhoma.cli import run; assert run(['query', '--help']) == 0;"
        "print([m for m in ('torch', 'faiss', 'pyhmmer', 'numpy', 'polars', 'RNA') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in ("prepare", "search", "align", "report"))
    assert done.stdout.splitlines()[-1] == "[]"
