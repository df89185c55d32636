from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import pytest

from rhoma import infernal
from rhoma.cli import run
from rhoma.hits import Hit
from rhoma.io.fasta import write_fasta
from rhoma.io.hits import write_hits_tsv
from rhoma.sequences import Record

if TYPE_CHECKING:
    from pathlib import Path

QUERY = "ACGGGCUCGAAAGAGCCCAGAUC"


@pytest.fixture
def batch(tmp_path: Path) -> list[str]:
    search = tmp_path / "search"
    (search / "alignments").mkdir(parents=True)
    write_fasta(tmp_path / "q.fasta", [Record("q", "", QUERY)])
    row = "ACGCGCUCGAAAGAGCGCAGAUC"
    (search / "alignments" / "q.sto").write_text(f"# STOCKHOLM 1.0\nq {QUERY}\nt/23-1 {row}\n//\n")
    found = Hit("q", "t", "-", 1, 23, 1, 23, 23, 0.9, math.nan, 9.0, 30.0, 1e-9, "profile")
    write_hits_tsv(search / "hits.tsv", [found])
    return ["--search", str(search), "--fasta", str(tmp_path / "q.fasta"), "--out", str(tmp_path / "out")]


@pytest.mark.tool("cmbuild", "cmalign")
def test_align_writes_a_directory_a_query(batch, tmp_path, capfd) -> None:
    assert run(["query", "align", *batch, "--threads", "1"]) == 0
    assert (tmp_path / "out" / "q" / "msa.a3m").read_text().startswith(f">q\n{QUERY}\n>t/23-1\n")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "1 queries, 1 with homologs" in captured.err


@pytest.mark.tool("cmbuild", "cmalign")
def test_options_may_be_written_with_underscores(batch, tmp_path) -> None:
    options = ["--max_homologs", "1", "--max_identity", "0.5", "--evalue", "1e-12", "--quiet"]
    assert run(["query", "align", *batch, *options]) == 0
    assert (tmp_path / "out" / "q" / "homologs.fasta").read_text() == ""


@pytest.mark.tool("cmbuild", "cmalign", "cmcalibrate")
def test_models_are_calibrated_where_that_is_asked_for(batch, tmp_path, monkeypatch) -> None:
    # of random sequence as little as Infernal takes
    monkeypatch.setattr(infernal, "calibrate", partial(infernal.calibrate, megabases=0.01))
    options = ["--calibrate", "--threads", "1", "--quiet"]
    assert run(["query", "align", *batch, *options]) == 0
    assert "\nECMLC" in (tmp_path / "out" / "q" / "model.cm").read_text()
    assert run(["align", str(tmp_path / "q.fasta"), "--out", str(tmp_path / "family"), *options]) == 0
    assert "\nECMLC" in (tmp_path / "family" / "q" / "model.cm").read_text()
    assert "#=GF CB cmcalibrate CM\n" in (tmp_path / "family" / "q" / "msa.sto").read_text()


def test_prepare_writes_the_input_of_mafft(batch, tmp_path) -> None:
    assert run(["query", "align", *batch, "--aligner", "linsi", "--prepare"]) == 0
    text = (tmp_path / "out" / "q.fasta").read_text()
    assert text == f">s0\n{QUERY}\n>s1\nACGCGCUCGAAAGAGCGCAGAUC\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--evalue", "banana"],
        ["--evalue", "0"],
        ["--evalue", "nan"],
        ["--max-homologs", "0"],
        ["--aligner", "x"],
    ],
)
def test_bad_options_are_usage_errors(batch, tmp_path, options) -> None:
    assert run(["query", "align", *batch, *options]) == 2
    assert not (tmp_path / "out").exists()


def test_a_missing_search_is_named(batch, tmp_path, capfd) -> None:
    batch[1] = str(tmp_path / "nowhere")
    assert run(["query", "align", *batch, "--prepare"]) == 1
    assert "hits.tsv: no such file" in capfd.readouterr().err
