"""GFF3 and BED, read back by the rules of their specifications and by nothing of this package."""

from __future__ import annotations

import math
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.hits import Hit
from rhoma.io.bed import write_bed
from rhoma.io.gff3 import write_gff3

HIT = Hit("q", "t", "-", 1, 10, 21, 31, 12, 0.75, 0.5, 5.0, 30.0, 1e-5, "profile", "tRNA", "CL00001")

names = st.text("abcXYZ019|/.;=&,>$()#%核é", min_size=1, max_size=8) | st.sampled_from(["track", "browser2", "#x"])
hits = st.builds(
    Hit,
    query=names,
    target=names,
    strand=st.sampled_from("+-"),
    qstart=st.integers(1, 50),
    qend=st.integers(51, 99),
    tstart=st.integers(1, 50),
    tend=st.integers(51, 99),
    length=st.integers(0, 99),
    identity=st.sampled_from([0.0, 0.25, 1.0, math.nan]),
    cosine=st.just(math.nan),
    score=st.just(1.0),
    bits=st.sampled_from([12.5, math.nan]),
    evalue=st.sampled_from([0.0, 1.25e-10, 3.0, math.inf]),
    source=st.sampled_from(["profile", "cm", "vector", "list"]),
    family=st.sampled_from(["", "RF00005", "a;b=c d"]),
    clan=st.sampled_from(["", "CL00001"]),
)


def read_gff3(text: str) -> list[dict[str, object]]:
    """Returns the features of GFF3; every rule of its specification that concerns single lines is checked."""
    lines = text.split("\n")
    assert lines[0] == "##gff-version 3"
    assert lines[-1] == ""
    features, seen = [], set()
    for line in lines[1:-1]:
        cells = line.split("\t")
        assert len(cells) == 9
        assert all(cells)
        seqid, source, kind, start, end, score, strand, phase, column = cells
        assert re.fullmatch(r"([a-zA-Z0-9.:^*$@!+_?|-]|%[0-9A-F]{2})+", seqid)
        assert (source, kind, phase) == ("Rhoma", "nucleotide_match", ".")
        assert 1 <= int(start) <= int(end)
        assert score == "." or float(score) >= 0
        assert strand in ("+", "-")
        attributes = {}
        for part in column.split(";"):
            key, _, value = part.partition("=")
            assert re.fullmatch(r"[A-Za-z]+", key)
            assert not re.search(r"[=;&,\t\n]", value)
            assert re.fullmatch(r"(?:[^%]|%[0-9A-F]{2})+", value)
            assert key not in attributes
            attributes[key] = value
        assert attributes["ID"] not in seen
        seen.add(attributes["ID"])
        # capital names are those of the specification
        assert {key for key in attributes if key[0].isupper()} == {"ID", "Name", "Target"}
        target, first, last, sense = attributes["Target"].split(" ")
        assert unquote(target) == unquote(attributes["Name"])
        features.append(
            {
                "target": unquote(seqid),
                "query": unquote(target),
                "place": (int(start), int(end), strand),
                "part": (int(first), int(last), sense),
                "score": score,
                "family": unquote(attributes.get("family", "")),
                "clan": unquote(attributes.get("clan", "")),
            }
        )
    return features


@settings(max_examples=60, deadline=None)
@given(st.lists(hits, max_size=8))
def test_gff3_says_what_the_hits_say(table: list[Hit]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hits.gff3"
        write_gff3(path, table)
        features = read_gff3(path.read_text(encoding="utf-8"))
    expected = sorted((h.target, h.tstart, h.tend, h.strand, h.query, h.qstart, h.qend, h.family) for h in table)
    found = [(f["target"], *f["place"], f["query"], *f["part"][:2], f["family"]) for f in features]
    assert sorted(found) == expected
    assert [f[:4] for f in found] == [row[:4] for row in expected]


def read_bed(text: str) -> list[tuple[str, int, int, str, int, str]]:
    """Returns the rows of BED6, with the rules of its specification checked."""
    rows = []
    for line in text.split("\n")[:-1]:
        assert not line.startswith(("#", "track", "browser"))
        chrom, start, end, name, score, strand = line.split("\t")
        assert chrom
        assert not re.search(r"\s", chrom + name)
        assert 0 <= int(start) < int(end)
        assert 0 <= int(score) <= 1000
        assert strand in ("+", "-")
        rows.append((chrom, int(start), int(end), name, int(score), strand))
    return rows


@settings(max_examples=60, deadline=None)
@given(st.lists(hits, max_size=8))
def test_bed_says_what_the_hits_say(table: list[Hit]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hits.bed"
        write_bed(path, table)
        rows = read_bed(path.read_text(encoding="utf-8"))
    expected = sorted((h.target, h.tstart - 1, h.tend, h.query, h.strand) for h in table)
    found = [
        (re.sub(r"^%(..)", lambda m: chr(int(m[1], 16)), chrom), start, end, name, strand)
        for chrom, start, end, name, _, strand in rows
    ]
    assert sorted(found) == expected


@pytest.mark.parametrize(
    ("evalue", "score"), [(0.0, 1000), (1e-200, 1000), (1e-5, 50), (1e-3, 30), (0.5, 3), (1.0, 0), (10.0, 0)]
)
def test_the_score_of_bed_is_the_evalue(tmp_path: Path, evalue: float, score: int) -> None:
    write_bed(tmp_path / "hits.bed", [replace(HIT, evalue=evalue)])
    assert (tmp_path / "hits.bed").read_text() == f"t\t20\t31\tq\t{score}\t-\n"


def test_a_line_of_gff3(tmp_path: Path) -> None:
    write_gff3(tmp_path / "hits.gff3", [replace(HIT, target="chr 1;x", query="a=b")])
    assert (tmp_path / "hits.gff3").read_text() == (
        "##gff-version 3\n"
        "chr%201%3Bx\tRhoma\tnucleotide_match\t21\t31\t1.00e-05\t-\t.\tID=hit1;Name=a%3Db;Target=a%3Db 1 10 +;"
        "evidence=profile;bits=30.0;identity=0.7500;family=tRNA;clan=CL00001\n"
    )


def test_no_hits_are_well_formed_files(tmp_path: Path) -> None:
    write_gff3(tmp_path / "hits.gff3", [])
    write_bed(tmp_path / "hits.bed", [])
    assert (tmp_path / "hits.gff3").read_text() == "##gff-version 3\n"
    assert (tmp_path / "hits.bed").read_text() == ""


def test_the_order_of_the_hits_does_not_count(tmp_path: Path) -> None:
    table = [replace(HIT, query=f"q{i % 3}", tstart=1 + i % 4, evalue=10.0**-i) for i in range(12)]
    for name, write in (("gff3", write_gff3), ("bed", write_bed)):
        write(tmp_path / f"1.{name}", table)
        write(tmp_path / f"2.{name}", reversed(table))
        assert (tmp_path / f"1.{name}").read_bytes() == (tmp_path / f"2.{name}").read_bytes()
