from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.alignment import Alignment, parse_region, ungapped
from rhoma.errors import InputError
from rhoma.io.stockholm import format_stockholm, parse_stockholm, read_stockholm, stream_stockholm

SMALL = Alignment(("q", "a/1-5"), ("GC-AAU", "GCUAA-"), "(....)", "GC.AAU")


@st.composite
def alignments(draw: st.DrawFn) -> Alignment:
    columns = draw(st.integers(1, 30))
    row = st.text(alphabet="ACGU-", min_size=columns, max_size=columns)
    rows = [draw(row) for _ in range(draw(st.integers(1, 6)))]
    rf = draw(st.text(alphabet="ACGU.", min_size=columns, max_size=columns))
    names = [f"t|{i}/1-9" for i in range(len(rows))]
    return Alignment(tuple(names), tuple(rows), "." * columns, rf)


@given(alignments())
def test_what_is_written_is_read_again(alignment: Alignment) -> None:
    assert parse_stockholm(format_stockholm(alignment, features={"ID": "x"})) == alignment


@given(alignments())
def test_biopython_reads_what_is_written(alignment: Alignment) -> None:
    from Bio import AlignIO

    read = AlignIO.read(io.StringIO(format_stockholm(alignment)), "stockholm")
    rows = [str(record.seq).upper().replace(".", "-") for record in read]
    assert rows == list(alignment.rows)
    assert read.column_annotations["reference_annotation"] == alignment.rf


def test_insertions_are_lower_case_and_dots() -> None:
    lines = format_stockholm(SMALL).splitlines()
    assert lines[2].split() == ["q", "GC.AAU"]
    assert lines[3].split() == ["a/1-5", "GCuAA-"]
    assert lines[-1] == "//"


def test_features_stand_beside_their_rows() -> None:
    noted = Alignment(SMALL.names, SMALL.rows, notes={"a/1-5": {"EV": "1e-5", "BS": ""}})
    assert "#=GS a/1-5 EV 1e-5\n" in format_stockholm(noted)
    assert " BS " not in format_stockholm(noted)


def test_many_blocks_are_joined_and_dna_becomes_rna() -> None:
    text = "# STOCKHOLM 1.0\n\nq  ac\nb  A.\n#=GC RF xx\n\nq  Tg\nb  ~G\n#=GC RF .x\n//\nq more\n"
    read = parse_stockholm(text)
    assert read.rows == ("ACUG", "A--G")
    assert read.rf == "xx.x"
    assert read.ss_cons == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no Stockholm file"),
        (">a\nACGU\n", "is no Stockholm file"),
        ("# STOCKHOLM 1.0\n//\n", "holds no sequences"),
        ("# STOCKHOLM 1.0\na AC\nb ACG\n//\n", "has rows of unequal length"),
        ("# STOCKHOLM 1.0\na AC\n#=GC SS_cons .\n//\n", "has rows of unequal length"),
        ("# STOCKHOLM 1.0\na AC\n", "the last alignment has no end"),
        ("# STOCKHOLM 1.0\na AC GU\n//\n", "cannot read the line 'a AC GU'"),
    ],
)
def test_bad_text_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(InputError, match=f"some.sto: {said}"):
        parse_stockholm(text, path="some.sto")


def test_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match=r"none\.sto: no such file"):
        read_stockholm(tmp_path / "none.sto")


@given(st.lists(st.text(alphabet="#/%ab235F", min_size=1, max_size=6), min_size=1, max_size=5, unique=True))
def test_any_name_is_read_as_it_was(names: list[str]) -> None:
    notes = {name: {"EV": "1"} for name in names}
    text = format_stockholm(Alignment(tuple(names), ("AC",) * len(names), notes=notes))
    assert parse_stockholm(text).names == tuple(names)
    assert text.count("#=GS ") == len(names)
    assert [line for line in text.splitlines() if line.startswith("//")] == ["//"]


def test_alignments_are_read_one_by_one() -> None:
    text = (
        format_stockholm(SMALL, features={"AC": "RF1", "CL": ""})
        + "\n# STOCKHOLM 1.0\n#=GF CC a\n#=GF CC b\nx AC\n//\n"
    )
    one, two = stream_stockholm(text.splitlines(), path="x")
    assert one.features == {"AC": "RF1", "SQ": "2"}
    assert one.rows == dict(zip(SMALL.names, SMALL.rows, strict=True))
    assert one.columns == {"SS_cons": SMALL.ss_cons, "RF": SMALL.rf}
    assert (two.features, two.rows, two.columns) == ({"CC": "a b"}, {"x": "AC"}, {})


def test_names_that_look_like_comments_stay_rows() -> None:
    odd = Alignment(("#q", "//"), ("AC", "AC"))
    read = parse_stockholm(format_stockholm(odd))
    assert read.rows == odd.rows
    assert read.names == odd.names


def test_rows_of_different_lengths_are_no_alignment() -> None:
    with pytest.raises(ValueError, match="one length"):
        Alignment(("a", "b"), ("AC", "A"))


def test_keep_drops_columns_without_letters() -> None:
    kept = Alignment(("q", "a", "b"), ("A-C-", "AGC-", "A-CU")).keep([0, 2])
    assert kept.names == ("q", "b")
    assert kept.rows == ("AC-", "ACU")


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("x/1-20", ("x", 1, 20)),
        ("AB1.1/5-90/7-3", ("AB1.1/5-90", 7, 3)),
        ("x", None),
        ("x/1-", None),
        ("/1-2", None),
    ],
)
def test_regions_are_read_from_the_end_of_names(name: str, region: object) -> None:
    assert parse_region(name) == region


def test_ungapped() -> None:
    assert ungapped("-A--C-") == "AC"


def test_what_splitlines_takes_for_line_ends_stays_in_a_line() -> None:
    notes = {"a": {"DE": "one\x0ctwo\u2028three\x85four"}}
    written = format_stockholm(Alignment(("a", "b"), ("ACGU", "AC-U"), notes=notes))
    assert parse_stockholm(written).rows == ("ACGU", "AC-U")


def test_rows_of_one_name_stay_two_rows() -> None:
    read = parse_stockholm(format_stockholm(Alignment(("a/1-4", "a/1-4"), ("ACGU", "AC-U"))))
    assert (read.names, read.rows) == (("a/1-4", "a/1-4/1-3"), ("ACGU", "AC-U"))
