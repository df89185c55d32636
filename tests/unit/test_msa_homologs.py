from __future__ import annotations

import math

import pytest

from rhoma.alignment import Alignment
from rhoma.errors import InputError
from rhoma.hits import Hit
from rhoma.msa.homologs import format_homologs, homologs_of, place_query
from rhoma.sequences import Record


def hit(target: str, start: int, end: int, evalue: float, strand: str = "+", **extra: object) -> Hit:
    values: dict[str, object] = {
        "query": "q", "target": target, "strand": strand, "qstart": 1, "qend": 8,
        "tstart": start, "tend": end, "length": 8, "identity": 0.5,
        "cosine": math.nan, "score": -math.log10(evalue), "bits": 20.0, "evalue": evalue, "source": "profile",
    }  # fmt: skip
    return Hit(**(values | extra))  # type: ignore[arg-type]


def found(alignment: Alignment, hits: list[Hit], evalue: float = 1e-3) -> tuple[Alignment, list[str]]:
    kept, homologs = homologs_of(alignment, hits, evalue=evalue)
    return kept, [homolog.name for homolog in homologs]


ALIGNMENT = Alignment(
    ("q", "a/1-8", "b/18-11", "c/1-8", "d/1-8"),
    ("ACGUACGU-", "ACGUACGAU", "UUUUACGU-", "GGGGGCGU-", "CCCCACGU-"),
)
HITS = [hit("a", 1, 8, 1e-9), hit("b", 11, 18, 1e-20, "-"), hit("c", 1, 8, 0.5), hit("d", 1, 8, 1e-3)]


def test_rows_come_best_first_and_only_under_the_threshold() -> None:
    kept, names = found(ALIGNMENT, HITS)
    assert names == ["b/18-11", "a/1-8", "d/1-8"]
    assert kept.names == ("q", *names)
    assert kept.rows == ("ACGUACGU-", "UUUUACGU-", "ACGUACGAU", "CCCCACGU-")


def test_a_minus_row_named_upwards_is_turned() -> None:
    alignment = Alignment(("q", "b/11-18"), ("ACGUACGU", "UUUUACGU"))
    _, names = found(alignment, [hit("b", 11, 18, 1e-9, "-")])
    assert names == ["b/18-11"]


def test_rows_without_a_hit_are_dropped() -> None:
    assert found(ALIGNMENT, [])[1] == []
    assert found(ALIGNMENT, [hit("a", 100, 120, 1e-9)])[1] == []
    assert found(ALIGNMENT, [])[0].rows == ("ACGUACGU",)


def test_of_two_hits_on_a_target_the_overlapping_one_speaks() -> None:
    alignment = Alignment(("q", "a/100-107"), ("ACGUACGU", "ACGUACGA"))
    _, homologs = homologs_of(alignment, [hit("a", 1, 8, 1e-30), hit("a", 99, 107, 1e-5)], evalue=1e-3)
    assert [h.hit.tstart for h in homologs] == [99]


def test_the_query_is_made_whole_and_named() -> None:
    placed = place_query(Alignment(("other", "a/1-3"), ("CG-U", "CGAU")), Record("q", "", "AACGUU"))
    assert placed.names == ("q", "a/1-3")
    assert placed.rows == ("AACG-UU", "--CGAU-")


def test_a_foreign_first_row_is_refused() -> None:
    with pytest.raises(InputError, match="record 'q': the first row of its alignment is not this sequence"):
        place_query(Alignment(("q",), ("GGG",)), Record("q", "", "AACGUU"))


def test_fasta_of_homologs() -> None:
    _, homologs = homologs_of(ALIGNMENT, HITS, evalue=1e-8)
    assert format_homologs(homologs) == (
        ">b/18-11 strand=- evalue=1.00e-20 bits=20.0\nUUUUACGU\n>a/1-8 strand=+ evalue=1.00e-09 bits=20.0\nACGUACGAU\n"
    )
    assert format_homologs([]) == ""
