"""MMseqs2's places: where they are, on which strand, and that one query's do not depend on the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma.index.mmseqs import create_database
from rhoma.io.m8 import Anchor
from rhoma.search import anchors
from rhoma.search.anchors import find_anchors, write_anchors
from rhoma.sequences import Record, reverse_complement

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.tool("mmseqs")

RNG = np.random.default_rng(11)


def random_text(length: int) -> str:
    return "".join(RNG.choice(list("ACGU"), length))


def changed(text: str, share: float) -> str:
    return "".join(str(RNG.choice(list("ACGU"))) if RNG.random() < share else letter for letter in text)


QUERIES = [Record(name, "", random_text(120)) for name in ("#first", "//", "sp|P12345|X")]
FIRST, SECOND, THIRD = (query.sequence for query in QUERIES)
# the long one is longer than what MMseqs2 takes in one piece
TARGETS = {
    "plus": random_text(300) + changed(FIRST, 0.1) + random_text(77),
    "minus": random_text(50) + reverse_complement(changed(FIRST, 0.1)) + random_text(400),
    "long": random_text(30_000) + reverse_complement(SECOND) + random_text(12_000),
    "#odd": random_text(10) + THIRD + random_text(10),
    **{f"other{number}": random_text(500) for number in range(40)},
}
NUCLEOTIDES = sum(map(len, TARGETS.values()))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("anchors") / "mmseqs"
    return place / create_database(TARGETS.items(), place)


def good(found: dict[str, list[Anchor]], query: str) -> dict[str, Anchor]:
    """Returns the places of a query of 60 nt or more, by target."""
    return {one.name: one for one in found[query] if one.end - one.start >= 60}


def test_places_and_strands(database: Path) -> None:
    found = find_anchors(QUERIES, database, NUCLEOTIDES)
    first, second, third = (good(found, query.id) for query in QUERIES)
    assert {name: one.strand for name, one in first.items()} == {"plus": "+", "minus": "-"}
    for name, start in (("plus", 300), ("minus", 50)):
        one = first[name]
        # local alignments stop a few nucleotides before the ends, and both sides stop together
        assert abs(one.start - start) <= 15
        assert abs(one.end - (start + 120)) <= 15
        left, right = (one.start - start, start + 120 - one.end)[:: 1 if one.strand == "+" else -1]
        assert abs(one.qstart - left) <= 3
        assert abs(120 - one.qend - right) <= 3
    assert second == {"long": Anchor("long", "-", 30_000, 30_120, 0, 120)}
    assert third == {"#odd": Anchor("#odd", "+", 10, 130, 0, 120)}


def test_a_query_has_the_same_places_alone_and_among_others(database: Path, tmp_path: Path) -> None:
    others = [Record(f"r{number}", "", random_text(90)) for number in range(30)]
    together = find_anchors([*others, *QUERIES], database, NUCLEOTIDES, threads=2)
    for query in QUERIES:
        assert find_anchors([query], database, NUCLEOTIDES) == {query.id: together[query.id]}
    # a database that is called larger has larger E-values
    write_anchors(tmp_path / "small.m8", QUERIES, database, NUCLEOTIDES)
    write_anchors(tmp_path / "large.m8", QUERIES, database, 10**9 * NUCLEOTIDES)
    small, large = ((tmp_path / f"{size}.m8").read_text().splitlines() for size in ("small", "large"))
    assert len(large) < len(small)
    for line in small:
        *_, evalue, bits = line.split("\t")
        assert float(evalue) == pytest.approx(120 * NUCLEOTIDES * 2.0 ** -float(bits), rel=0.01)
        assert float(evalue) <= anchors.EVALUE


def test_the_best_places_are_kept(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = find_anchors(QUERIES[:1], database, NUCLEOTIDES)["#first"]
    assert len(everything) > 1
    monkeypatch.setattr(anchors, "MOST", 1)
    assert find_anchors(QUERIES[:1], database, NUCLEOTIDES)["#first"] == everything[:1]


def test_without_a_database_or_a_query_the_table_is_empty(database: Path, tmp_path: Path) -> None:
    assert find_anchors(QUERIES, None, 0) == {}
    write_anchors(tmp_path / "none.m8", [], database, NUCLEOTIDES)
    assert (tmp_path / "none.m8").read_text() == ""
