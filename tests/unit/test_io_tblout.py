from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from Bio import SearchIO

from rhoma.errors import ArtefactError, InputError
from rhoma.hits import Hit
from rhoma.io.tblout import merge_tblout, write_tblout

if TYPE_CHECKING:
    from pathlib import Path


def hit(query: str, target: str, strand: str = "+", evalue: float = 1e-9, source: str = "profile") -> Hit:
    return Hit(query, target, strand, 3, 70, 101, 168, 68, 0.9, 0.5, 9.0, 41.25, evalue, source, gc=0.456)


HITS = [
    hit("q", "near"),
    hit("q", "a.target.with.a.very.long.name/1-100", "-", 1e-5, "cm"),
    hit("q", "#odd", evalue=0.5),
    hit("an.even.longer.name.of.a.query;$(x)", "//u"),
]


def test_an_independent_reader_finds_what_was_written(tmp_path: Path) -> None:
    write_tblout(tmp_path / "hits.tblout", HITS, evalue=1e-3)
    other, q = SearchIO.parse(tmp_path / "hits.tblout", "infernal-tab")
    assert [(r.id, [h.id for h in r]) for r in (other, q)] == [
        ("an.even.longer.name.of.a.query;$(x)", ["//u"]),
        ("q", ["near", "a.target.with.a.very.long.name/1-100", "%23odd"]),
    ]
    near, far, odd = (h[0] for h in q)
    # this reader leaves starts as they stand, and has the strand apart
    assert (near.query_start, near.query_end, near.hit_start, near.hit_end) == (3, 70, 101, 168)
    assert (far.hit_start, far.hit_end, far[0].hit_strand) == (101, 168, -1)
    assert (near.model, far.model, near.truncated, far.truncated) == ("hmm", "cm", "-", "no")
    assert (near.bitscore, near.evalue, near.gc, near.bias) == (41.2, 1e-9, 0.46, 0.0)
    assert [one.is_included for one in (near, far, odd)] == [True, True, False]


def test_columns_are_as_wide_as_their_widest_cell(tmp_path: Path) -> None:
    write_tblout(tmp_path / "hits.tblout", HITS, evalue=1e-3)
    header, rule, *rows = (tmp_path / "hits.tblout").read_text().splitlines()
    ends = [place for place, letter in enumerate(rule) if letter == " "]
    assert len(ends) == 17
    assert all(line[end] == " " for line in (header, *rows) for end in ends)
    assert all(line[end - 1] != " " or line[end + 1] != " " for line in rows for end in ends[9:10])


def test_tables_are_joined_under_one_header_sorted_by_query(tmp_path: Path) -> None:
    write_tblout(tmp_path / "a", HITS[:3], evalue=1e-3)
    write_tblout(tmp_path / "b", [], evalue=1e-3)
    write_tblout(tmp_path / "c", HITS[3:], evalue=1e-3)
    write_tblout(tmp_path / "whole", HITS, evalue=1e-3)
    merge_tblout([tmp_path / "a", tmp_path / "b", tmp_path / "c"], tmp_path / "all")
    assert (tmp_path / "all").read_bytes() == (tmp_path / "whole").read_bytes()
    assert len((tmp_path / "b").read_text().splitlines()) == 2
    assert list(SearchIO.parse(tmp_path / "b", "infernal-tab")) == []


def test_targets_of_known_families_have_their_accessions(tmp_path: Path) -> None:
    write_tblout(tmp_path / "a", HITS, evalue=1e-3)
    minus, odd = (replace(one, family="tRNA") for one in HITS[1:3])
    others = [replace(HITS[0], family="mine"), replace(HITS[1], strand="+", family="tRNA")]
    merge_tblout([tmp_path / "a"], tmp_path / "b", [minus, odd, *others], {"tRNA": "RF00005"})
    found = [hit for result in SearchIO.parse(tmp_path / "b", "infernal-tab") for hit in result]
    assert [hit.accession for hit in found] == ["-", "-", "RF00005", "RF00005"]
    # they stay where tables are joined again
    merge_tblout([tmp_path / "b"], tmp_path / "c", [minus])
    assert (tmp_path / "c").read_bytes() == (tmp_path / "b").read_bytes()


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("t - q - cm 1 9\n")
    with pytest.raises(ArtefactError, match="line 1 has 7 cells"):
        merge_tblout([tmp_path / "a"], tmp_path / "all")
    with pytest.raises(InputError, match="gone: no such file"):
        merge_tblout([tmp_path / "gone"], tmp_path / "all")
