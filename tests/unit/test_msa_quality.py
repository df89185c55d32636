from __future__ import annotations

import pytest

from rhoma.alignment import Alignment
from rhoma.errors import ArtefactError, InputError
from rhoma.msa.quality import format_quality, measure, read_quality


def test_measures_of_a_known_alignment() -> None:
    alignment = Alignment(
        ("q", "a", "b"),
        ("GGAAA-CC", "GAAAAUUC", "GG---ACC"),
        "((....))",
        "GGAAA.CC",
    )
    quality = measure(alignment, query="q", hits=5, method="cm")
    assert (quality.length, quality.columns, quality.homologs, quality.hits) == (7, 8, 2, 5)
    # a: 5 of 7 letters like the query's; b: all 4 of 4
    assert quality.identity == pytest.approx((5 / 7 + 1) / 2)
    assert quality.coverage == pytest.approx((1 + 4 / 7) / 2)
    # columns 1 and 6 pair as G-C, A-U, G-C; columns 0 and 7 are G-C in all
    assert (quality.pairs, quality.covarying) == (2, 1)
    assert quality.neff == pytest.approx(2.0)


def test_the_query_alone() -> None:
    quality = measure(Alignment(("q",), ("ACGU",), "....", "ACGU"), query="q", hits=0, method="single")
    assert (quality.homologs, quality.identity, quality.coverage, quality.neff) == (0, None, None, 1.0)


def test_the_table_is_read_as_it_was_written(tmp_path) -> None:
    rows = [
        measure(Alignment(("q",), ("ACGU",), "....", "ACGU"), query="q", hits=0, method="single"),
        measure(
            Alignment(("r", "a"), ("ACGU", "AC-U"), "....", "ACGU"),
            query="r",
            hits=3,
            method="cm",
            reason="asked for",
            warnings=["few rows", "short"],
        ),
    ]
    path = tmp_path / "msa.tsv"
    path.write_text(format_quality(rows))
    assert read_quality(path) == rows
    assert rows[1].warnings == "few rows; short"


def test_a_damaged_table_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_quality(tmp_path / "msa.tsv")
    (tmp_path / "msa.tsv").write_text("query\n")
    with pytest.raises(ArtefactError, match=r"msa\.tsv: the header"):
        read_quality(tmp_path / "msa.tsv")
    (tmp_path / "msa.tsv").write_text(format_quality([]) + "q\tx\n")
    with pytest.raises(ArtefactError, match="line 2"):
        read_quality(tmp_path / "msa.tsv")
