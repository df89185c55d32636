from __future__ import annotations

import subprocess

import pytest

from rhoma.alignment import Alignment, ungapped
from rhoma.errors import ToolError
from rhoma.msa.infernal import align_to_model, build_model
from rhoma.msa.structure import annotate, pair_table

pytestmark = pytest.mark.tool("cmbuild", "cmalign")

START = Alignment(
    ("q", "a/1-23", "b/9-31", "c/40-18"),
    (
        "ACGGGCUCGAAAGAGCCCA-GAUC",
        "ACGCGCUCGAAAGAGCGCAUGAUC",
        "ACGGACACGAAAGUGUCCA-GAUC",
        "A-GGGUUCG-AAGAACCCA-GAUC",
    ),
)


def test_the_model_is_the_alignments(tmp_path) -> None:
    annotated = annotate(START)
    build_model(annotated, name="q", out=tmp_path / "model.cm")
    text = (tmp_path / "model.cm").read_text()
    assert text.startswith("INFERNAL1/a")
    assert "\nNAME     q\n" in text
    assert f"\nCLEN     {len(annotated.rf.replace('.', ''))}\n" in text
    assert [path.name for path in tmp_path.iterdir()] == ["model.cm"]


def test_the_model_file_holds_no_date_and_is_the_same_again(tmp_path) -> None:
    annotated = annotate(START)
    for name in ("one.cm", "two.cm"):
        build_model(annotated, name="q", out=tmp_path / name)
    text = (tmp_path / "one.cm").read_text()
    assert text == (tmp_path / "two.cm").read_text()
    assert not [line for line in text.splitlines() if line.startswith(("DATE", "COM "))]


def test_infernal_reads_the_model(tmp_path) -> None:
    build_model(annotate(START), name="q", out=tmp_path / "model.cm")
    done = subprocess.run(["cmstat", tmp_path / "model.cm"], capture_output=True, text=True, check=True)
    row = next(line for line in done.stdout.splitlines() if line and not line.startswith("#"))
    assert row.split()[1] == "q"


def test_realignment_keeps_names_order_and_letters(tmp_path) -> None:
    annotated = annotate(START)
    model = tmp_path / "model.cm"
    build_model(annotated, name="q", out=model)
    done = align_to_model(model, annotated, threads=2)
    assert done.names == START.names
    assert [ungapped(row) for row in done.rows] == [ungapped(row) for row in START.rows]
    assert len(pair_table(done.ss_cons)) == len(pair_table(annotated.ss_cons))
    assert len(done.rf.replace(".", "")) == len(annotated.rf.replace(".", ""))
    assert [path.name for path in tmp_path.iterdir()] == ["model.cm"]


def test_a_model_without_pairs_is_a_model_too(tmp_path) -> None:
    flat = Alignment(("q",), ("ACGUACGUACGUACGUACGU",), "." * 20, "ACGUACGUACGUACGUACGU")
    build_model(flat, name="q", out=tmp_path / "model.cm")
    assert align_to_model(tmp_path / "model.cm", flat).rows == flat.rows


def test_a_failing_program_is_named(tmp_path) -> None:
    (tmp_path / "model.cm").write_text("nothing\n")
    with pytest.raises(ToolError, match="cmalign: failed"):
        align_to_model(tmp_path / "model.cm", START)
