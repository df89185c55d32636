from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from rhoma import infernal
from rhoma.alignment import Alignment, ungapped
from rhoma.errors import ToolError
from rhoma.structure import annotate, fold_consensus, pair_table

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.tool("cmbuild", "cmalign", "cmsearch")

START = Alignment(
    ("q", "a/1-23", "b/9-31", "//c/40-18"),
    (
        "ACGGGCUCGAAAGAGCCCA-GAUC",
        "ACGCGCUCGAAAGAGCGCAUGAUC",
        "ACGGACACGAAAGUGUCCA-GAUC",
        "A-GGGUUCG-AAGAACCCA-GAUC",
    ),
)
TRNA = "GCGGAUUUAGCUCAGUUGGGAGAGCGCCAGACUGAAGAUCUGGAGGUCCUGUGUUCGAUCCACAGAAUUCGCACCA"


def single(sequence: str) -> Alignment:
    return Alignment(("#q",), (sequence,), fold_consensus([sequence]), sequence)


def test_the_model_is_the_alignments() -> None:
    annotated = annotate(START)
    text = infernal.build(annotated, name="q")
    assert text.startswith("INFERNAL1/a")
    assert "\nNAME     q\n" in text
    assert f"\nCLEN     {len(annotated.rf.replace('.', ''))}\n" in text


def test_the_model_holds_no_date_and_is_the_same_again() -> None:
    text = infernal.build(annotate(START), name="q")
    assert text == infernal.build(annotate(START), name="q")
    assert not [line for line in text.splitlines() if line.startswith(("DATE", "COM ", "ECM"))]


def test_infernal_reads_the_model(tmp_path: Path) -> None:
    (tmp_path / "model.cm").write_text(infernal.build(annotate(START), name="q"))
    done = subprocess.run(["cmstat", tmp_path / "model.cm"], capture_output=True, text=True, check=True)
    row = next(line for line in done.stdout.splitlines() if line and not line.startswith("#"))
    assert row.split()[1] == "q"


def test_realignment_keeps_names_order_and_letters() -> None:
    annotated = annotate(START)
    done = infernal.align(infernal.build(annotated, name="q"), annotated, threads=2)
    assert done.names == START.names
    assert [ungapped(row) for row in done.rows] == [ungapped(row) for row in START.rows]
    assert len(pair_table(done.ss_cons)) == len(pair_table(annotated.ss_cons))
    assert len(done.rf.replace(".", "")) == len(annotated.rf.replace(".", ""))


def test_a_model_without_pairs_is_a_model_too() -> None:
    flat = Alignment(("q",), ("ACGUACGUACGUACGUACGU",), "." * 20, "ACGUACGUACGUACGUACGU")
    assert infernal.align(infernal.build(flat, name="q"), flat).rows == flat.rows


def test_a_failing_program_is_named() -> None:
    with pytest.raises(ToolError, match="cmalign: failed"):
        infernal.align("nothing\n", START)


def test_blanks_in_the_place_of_temporary_files_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = tmp_path / "my files * here"
    blank.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(blank))
    annotated = annotate(START)
    assert infernal.align(infernal.build(annotated, name="q"), annotated).names == START.names
    assert list(blank.iterdir()) == []


def test_a_model_finds_its_structure_without_calibration(tmp_path: Path) -> None:
    model = infernal.build(single(TRNA), name="q")
    targets = [("#a", "ACUCA" * 8 + TRNA + "CAAUC" * 8), ("b", "ACUCA" * 30)]
    hits, aligned = infernal.search(model, targets, options=["--toponly", "-T", "15", "--incT", "15"], aligned=True)
    assert [(h.name, h.strand, h.start, h.end) for h in hits] == [("#a", "+", 40, 40 + len(TRNA))]
    assert hits[0].bits > 60
    assert aligned is not None
    assert aligned.names == ("#a/41-116",)
    assert ungapped(aligned.rows[0]) == TRNA
    assert infernal.search(model, targets, options=["--toponly", "-T", "500"]) == ([], None)
    path = tmp_path / "with blank.fa"
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in targets))
    from_file, _ = infernal.search(model, path, options=["-T", "15"])
    assert [(h.name, h.start) for h in from_file] == [("#a", 40)]


@pytest.mark.tool("cmcalibrate")
def test_a_calibrated_model_has_parameters_of_its_own() -> None:
    model = infernal.calibrate(infernal.build(single(TRNA), name="q"), megabases=0.02)
    assert "\nECMLI" in model
    assert "\nECMLI" not in infernal.build(single(TRNA), name="q")
