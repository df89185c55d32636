from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from rhoma import cm

if TYPE_CHECKING:
    from pathlib import Path

HAIRPIN = "GGGCUAGCAGGUUCGCCUGCUAGCCC"


def test_a_hairpin_folds() -> None:
    assert cm.fold(HAIRPIN) == "(((((((((((....)))))))))))"
    assert cm.fold("U" * 30) == "." * 30


def test_a_consensus_needs_all_rows() -> None:
    rows = ["GGGCUAGC-UUCGGCUAGCCC", "GGACUAGCAUUCGGCUAGUCC", "GGCCUAGC-UUCGGCUAGGCC"]
    structure = cm.fold_alignment(rows)
    assert len(structure) == len(rows[0])
    assert structure.count("(") == structure.count(")") >= 6


def test_evalues_grow_with_the_database_and_fall_with_bits() -> None:
    base = cm.log_evalue(20, 1e6)
    assert cm.log_evalue(20, 2e6) == pytest.approx(base + math.log(2))
    assert cm.log_evalue(30, 1e6) == pytest.approx(base - 6)
    assert cm.log_evalue(cm.bits_at(0.01, 5e7), 5e7) == pytest.approx(math.log(0.01))


@pytest.mark.tool("cmbuild", "cmsearch")
def test_a_model_finds_its_structure_without_calibration(tmp_path: Path) -> None:
    query = "GCGGAUUUAGCUCAGUUGGGAGAGCGCCAGACUGAAGAUCUGGAGGUCCUGUGUUCGAUCCACAGAAUUCGCACCA"
    cm.build([query], cm.fold(query), tmp_path / "q.cm", name="q")
    again = tmp_path / "again.cm"
    cm.build([query], cm.fold(query), again, name="q")
    assert again.read_bytes() == (tmp_path / "q.cm").read_bytes()
    (tmp_path / "t.fa").write_text(f">a\n{'ACUCA' * 8}{query}{'CAAUC' * 8}\n>b\n{'ACUCA' * 30}\n")
    hits = cm.search(tmp_path / "q.cm", tmp_path / "t.fa", tmp_path, bits=15, alignment=tmp_path / "hits.sto")
    assert [(h.name, h.start, h.end) for h in hits] == [("a", 40, 40 + len(query))]
    assert (hits[0].first, hits[0].last) == (0, len(query))
    assert hits[0].bits > 60
    assert "a/41-116" in (tmp_path / "hits.sto").read_text()
    assert cm.search(tmp_path / "q.cm", tmp_path / "t.fa", tmp_path, bits=500) == []
