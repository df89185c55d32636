from __future__ import annotations

import json
import re
import string
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rhoma.alignment import Alignment, ungapped
from rhoma.io.a3m import format_a3m
from rhoma.io.af3 import format_af3, job_name
from rhoma.io.fasta import read_fasta

CASES = Path(__file__).resolve().parents[1] / "cases"


@st.composite
def alignments(draw: st.DrawFn) -> Alignment:
    columns = draw(st.integers(1, 40))
    row = st.text(alphabet="ACGUNRY---", min_size=columns, max_size=columns)
    query = draw(row.filter(lambda text: text.strip("-")))
    rows = [query, *draw(st.lists(row, max_size=5))]
    return Alignment(tuple(f"s{i}" for i in range(len(rows))), tuple(rows))


def records(text: str) -> list[tuple[str, str]]:
    parts = [chunk.split("\n", 1) for chunk in text.split(">")[1:]]
    return [(name, body.replace("\n", "")) for name, body in parts]


@given(alignments())
def test_a3m_invariants(alignment: Alignment) -> None:
    read = records(format_a3m(alignment))
    assert [name for name, _ in read] == list(alignment.names)
    query = ungapped(alignment.rows[0])
    assert read[0][1] == query
    for (_, text), row in zip(read, alignment.rows, strict=True):
        matched = "".join(c for c in text if not c.islower())
        assert len(matched) == len(query)
        assert text.replace("-", "").upper() == ungapped(row)
        # the columns of the query, read off directly
        assert matched == "".join(c for c, q in zip(row, alignment.rows[0], strict=True) if q != "-")


@given(alignments())
def test_af3_meets_the_documented_rules(alignment: Alignment) -> None:
    job = json.loads(format_af3(alignment, name="n'a<me", seed=7))
    assert job["name"] == job_name("n'a<me")
    assert job["modelSeeds"] == [7]
    assert (job["dialect"], job["version"]) == ("alphafold3", 1)
    (entity,) = job["sequences"]
    chain = entity["rna"]
    assert set(chain) == {"id", "sequence", "unpairedMsa"}
    assert set(chain["sequence"]) <= set("ACGUN")
    rows = records(chain["unpairedMsa"])
    assert rows[0][1] == chain["sequence"]
    for _, text in rows:
        assert len("".join(c for c in text if not c.islower())) == len(chain["sequence"])
        assert set(text.upper()) <= set("ACGUN-")


def sanitised(name: str) -> str:
    """What AlphaFold 3 makes a directory of (folding_input.Input.sanitised_name)."""
    return "".join(c for c in name.lower().replace(" ", "_") if c in string.ascii_lowercase + string.digits + "_-.")


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
