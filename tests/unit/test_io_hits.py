from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.errors import ArtefactError, InputError
from rhoma.hits import Hit, label_hits, sort_hits
from rhoma.io.hits import COLUMNS, read_hits_tsv, read_labels, write_hits_tsv

HIT = Hit("q", "t", "+", 1, 10, 21, 31, 12, 0.75, 0.5, 5.0, 30.0, 1e-5, "profile", gapopens=2)


def test_the_header_is_the_documented_one(tmp_path: Path) -> None:
    write_hits_tsv(tmp_path / "hits.tsv", [])
    assert (tmp_path / "hits.tsv").read_text() == (
        "query\ttarget\tstrand\tqstart\tqend\ttstart\ttend\tlength\tidentity\tcosine\tscore\tbits\tevalue"
        "\tsource\tfamily\tclan\n"
    )
    assert read_hits_tsv(tmp_path / "hits.tsv") == []


names = st.text("abcXYZ019|/.;$()#%核'", min_size=1, max_size=8)
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
    identity=st.sampled_from([0.0, 0.25, 1.0]),
    cosine=st.sampled_from([-0.5, 0.125, math.nan]),
    score=st.sampled_from([-1.0, 5.0, 400.25]),
    bits=st.sampled_from([12.5, math.nan]),
    evalue=st.sampled_from([0.0, 1.25e-10, 3.0, math.inf]),
    source=st.sampled_from(["profile", "cm", "vector", "list"]),
    family=st.sampled_from(["", "RF00005"]),
    clan=st.sampled_from(["", "CL00001"]),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(hits, max_size=8))
def test_a_table_is_read_as_it_was_written_sorted_by_query_evalue_target(table: list[Hit]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hits.tsv"
        write_hits_tsv(path, table)
        back = read_hits_tsv(path)
        first = path.read_bytes()
        write_hits_tsv(path, reversed(table))
        assert sorted(path.read_bytes().splitlines()) == sorted(first.splitlines())
    assert [str(h) for h in back] == [str(h) for h in sort_hits(table)]
    keys = [(h.query, h.evalue) for h in back]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "header"),
        ("a\tb\n", "header"),
        ("\t".join(COLUMNS) + "\nq\tt\n", "line 2 has 2 columns"),
        ("\t".join(COLUMNS) + "\n" + "\t".join(["x"] * 16) + "\n", "line 2"),
    ],
)
def test_a_damaged_table_is_refused_by_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "hits.tsv"
    path.write_text(text)
    with pytest.raises(ArtefactError, match=problem):
        read_hits_tsv(path)
    with pytest.raises(InputError, match="no such file"):
        read_hits_tsv(tmp_path / "none.tsv")


def test_labels_name_families_and_leave_the_unknown_alone(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("id\tfamily\tclan\nt\tRF1\tCL1\nu\tRF2\t\n")
    labelled = label_hits([HIT, replace(HIT, target="other")], read_labels(path))
    assert [(h.family, h.clan) for h in labelled] == [("RF1", "CL1"), ("", "")]
    path.write_text("id\tfamily\nt\tRF1\n", encoding="utf-8-sig")
    assert read_labels(path) == {"t": ("RF1", "")}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "header"),
        ("name\tfamily\n", "header"),
        ("id\tfamily\tclan\nt\tRF1\n", "line 2"),
        ("id\tfamily\nt\ta\nt\tb\n", "line 3"),
    ],
)
def test_bad_labels_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_labels(path)
