from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.alignment import Alignment, ungapped
from rhoma.errors import InputError
from rhoma.io.a3m import format_a3m, read_a3m
from rhoma.io.af3 import format_af3, job_name
from rhoma.io.fasta import read_fasta

from .af3_rules import check_a3m, check_job, rows_of, sanitised

CASES = Path(__file__).resolve().parents[1] / "cases"


@st.composite
def alignments(draw: st.DrawFn) -> Alignment:
    columns = draw(st.integers(1, 40))
    row = st.text(alphabet="ACGUNRY---", min_size=columns, max_size=columns)
    query = draw(row.filter(lambda text: text.strip("-")))
    rows = [query, *draw(st.lists(row, max_size=5))]
    return Alignment(tuple(f"s{i}" for i in range(len(rows))), tuple(rows))


@given(alignments())
def test_a3m_invariants(alignment: Alignment) -> None:
    read = rows_of(format_a3m(alignment))
    assert [name for name, _ in read] == list(alignment.names)
    query = re.sub("[NRY]", "N", ungapped(alignment.rows[0]))
    check_a3m(format_a3m(alignment), query)
    for (_, text), row in zip(read, alignment.rows, strict=True):
        letters = re.sub("[NRY]", "N", row)
        assert text.replace("-", "").upper() == ungapped(letters)
        # the columns of the query, read off directly
        matched = "".join(c for c in text if not c.islower())
        assert matched == "".join(c for c, q in zip(letters, alignment.rows[0], strict=True) if q != "-")


@settings(deadline=None)
@given(alignments())
def test_a3m_is_read_as_it_was_written(alignment: Alignment) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "msa.a3m"
        path.write_text(format_a3m(alignment))
        rows = [row for row in rows_of(format_a3m(alignment)) if row[1]]
        assert read_a3m(path) == rows


def test_a3m_of_other_programs_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.a3m"
    path.write_text("#A3M#\n>q one\nACG\nT\n>h\r\nRC..tr-T\r\n")
    assert read_a3m(path) == [("q one", "ACGU"), ("h", "NCun-U")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no rows"),
        ("ACGU\n", "line 1 stands before the first '>'"),
        (">q\nAC-U\n", "the first row has gaps"),
        (">q\nACgU\n", "the first row has gaps"),
        (">q\nACGU\n>h\nACG\n", "record 'h': has 3 columns, the first row 4"),
        (">q\nACGU\n>h\nACGJ\n", "record 'h': has letters that are no nucleotides"),
    ],
)
def test_what_is_no_a3m_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "x.a3m"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(problem)):
        read_a3m(path)


@given(alignments())
def test_af3_meets_the_documented_rules(alignment: Alignment) -> None:
    job = json.loads(format_af3(alignment, name="n'a<me", seed=7))
    check_job(job)
    assert job["name"] == job_name("n'a<me")
    assert job["modelSeeds"] == [7]
    (entity,) = job["sequences"]
    assert entity["rna"]["unpairedMsa"] == format_a3m(alignment)


@given(st.lists(st.text(min_size=1, max_size=200).filter(str.isprintable), min_size=2, unique_by=str.lower))
def test_jobs_have_different_names_that_make_a_path(names: list[str]) -> None:
    paths = {sanitised(job_name(name)) for name in names}
    assert len(paths) == len(names)
    assert all(re.search("[a-z]", path) and len(path) < 200 for path in paths)


def test_job_names_of_names_without_letters() -> None:
    names = [record.id for record in read_fasta(CASES / "pct_name_q.fa")[0]]
    assert len({sanitised(job_name(name)) for name in names}) == len(names) == 4
    assert job_name("tRNA_X63088.1") == "tRNA_X63088.1"
    assert re.fullmatch("rna_A_[0-9a-f]{12}", job_name("核A"))
    assert re.fullmatch("rna_[0-9a-f]{12}", job_name("%"))


def test_a3m_of_a_known_alignment() -> None:
    alignment = Alignment(("q", "a", "b"), ("AC-GU", "ACUG-", "-C-GU"))
    assert format_a3m(alignment) == ">q\nACGU\n>a\nACuG-\n>b\n-CGU\n"


def test_query_alone_is_an_alignment() -> None:
    assert format_a3m(Alignment(("q",), ("ACGU",))) == ">q\nACGU\n"
