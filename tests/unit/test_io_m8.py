from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from Bio import SearchIO

from rhoma.errors import InputError
from rhoma.hits import Hit
from rhoma.io.m8 import merge_m8, read_anchors, write_m8

if TYPE_CHECKING:
    from pathlib import Path

HIT = Hit("q", "t", "+", 1, 10, 21, 31, 12, 0.75, 0.5, 5.0, 30.0, 1e-5, "profile", gapopens=2)


def test_m8_has_blasts_columns_and_turns_the_minus_strand(tmp_path: Path) -> None:
    # 10 query and 11 target letters in 12 columns: 9 pairs, 9 of them identical at 0.75
    write_m8(tmp_path / "a.m8", [replace(HIT, query="r", strand="-"), HIT])
    rows = [line.split("\t") for line in (tmp_path / "a.m8").read_text().splitlines()]
    assert rows[0] == ["q", "t", "75.00", "12", "0", "2", "1", "10", "21", "31", "1.00e-05", "30.0"]
    assert rows[1][8:10] == ["31", "21"]
    write_m8(tmp_path / "b.m8", [replace(HIT, query="a")])
    merge_m8([tmp_path / "a.m8", tmp_path / "b.m8"], tmp_path / "c.m8")
    assert [line[0] for line in (tmp_path / "c.m8").read_text().splitlines()] == ["a", "q", "r"]


def test_m8_is_read_by_biopython(tmp_path: Path) -> None:
    write_m8(tmp_path / "a.m8", [replace(HIT, query="r", strand="-"), HIT])
    q, r = SearchIO.parse(tmp_path / "a.m8", "blast-tab")
    assert (q.id, q[0].id, r.id) == ("q", "t", "r")
    forward, backward = q[0][0], r[0][0]
    assert (forward.query_start, forward.query_end, forward.hit_start, forward.hit_end) == (0, 10, 20, 31)
    assert (forward.hit_strand, backward.hit_strand) == (1, -1)
    assert (forward.ident_pct, forward.evalue, forward.bitscore) == (75.0, 1e-5, 30.0)


def test_anchors_know_their_strand_whichever_side_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "hits.m8"
    rest = "\t1e-5\t50"
    path.write_text(
        f"q\ta\t0.9\t20\t1\t0\t1\t20\t101\t120{rest}\n"
        f"q\tb\t0.9\t20\t1\t0\t1\t20\t120\t101{rest}\n"
        f"# a comment\n#\n\nr\tc\t0.9\t20\t1\t0\t20\t1\t101\t120{rest}\n"
    )
    anchors = read_anchors(path)
    assert [(a.name, a.strand, a.start, a.end, a.qstart, a.qend) for a in anchors["q"]] == [
        ("a", "+", 100, 120, 0, 20),
        ("b", "-", 100, 120, 0, 20),
    ]
    assert anchors["r"][0].strand == "-"


def test_names_that_begin_like_comments_are_names(tmp_path: Path) -> None:
    path = tmp_path / "hits.m8"
    write_m8(path, [replace(HIT, query="#1_U1"), replace(HIT, query="//q", target="#t")])
    anchors = read_anchors(path)
    assert {query: [one.name for one in found] for query, found in anchors.items()} == {"#1_U1": ["t"], "//q": ["#t"]}
    merge_m8([path], tmp_path / "all.m8")
    assert read_anchors(tmp_path / "all.m8") == anchors


def test_what_is_no_m8_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "hits.m8"
    with pytest.raises(InputError, match="no such file"):
        read_anchors(path)
    for line in ("q\ta\t0.9\t20\t1\t0\t1\t20\tx\t120\n", "q\n"):
        path.write_text(line)
        with pytest.raises(InputError, match="line 1"):
            read_anchors(path)
    path.write_text("")
    assert read_anchors(path) == {}
