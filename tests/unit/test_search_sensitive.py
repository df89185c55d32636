from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.index.build import build_index
from rhoma.search import Database, SearchConfig, search
from rhoma.search.batch import write_results
from rhoma.sequences import Record, reverse_complement
from rhoma.store import write_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.tool("cmbuild", "cmsearch")
RNG = np.random.default_rng(9)
# helices of this structure keep pairing while their letters change
STRUCTURE = "((((((((....((((((.......))))))...((((((......))))))..))))))))"


def random_rna(length: int) -> str:
    return "".join(RNG.choice(list("ACGU"), length))


def fold_like(sequence: str, rate: float) -> str:
    """Changes letters, and with a letter its partner in STRUCTURE."""
    letters, stack = list(sequence), []
    partner = dict(zip("ACGU", "UGCA", strict=True))
    for place, sign in enumerate(STRUCTURE):
        if sign == "(":
            stack.append(place)
        elif sign == ")":
            other = stack.pop()
            if RNG.random() < rate:
                letters[other] = str(RNG.choice(list("ACGU")))
            letters[place] = partner[letters[other]]
        elif RNG.random() < rate:
            letters[place] = str(RNG.choice(list("ACGU")))
    return "".join(letters)


ANCESTOR = fold_like(random_rna(len(STRUCTURE)), 1.0)
QUERY = Record("q", "", ANCESTOR)
FAMILY = [Record(f"near{i}", "", fold_like(ANCESTOR, 0.2)) for i in range(5)]
FAR = [
    Record("far+", "", random_rna(60) + fold_like(ANCESTOR, 0.4) + random_rna(60)),
    Record("far-", "", random_rna(60) + reverse_complement(fold_like(ANCESTOR, 0.4)) + random_rna(60)),
]
NOISE = [Record(f"noise{i}", "", random_rna(int(RNG.integers(60, 300)))) for i in range(40)]


@pytest.fixture
def database(tmp_path: Path, toy_embedder: Any) -> Database:
    records = [*FAMILY, *FAR, *NOISE]
    store = write_store(tmp_path / "store", records, toy_embedder)
    index = build_index(records, store, tmp_path / "index", mmseqs=False)
    return Database(index, window=128, stride=64)


def test_structure_finds_what_the_letters_hide(database: Database, tmp_path: Path, toy_embedder: Any) -> None:
    config = SearchConfig(sensitive=True)
    result = search(QUERY, database, config, embed=toy_embedder.embed)
    found = {h.target: h for h in result.hits if h.evalue <= 1e-3}
    assert set(found) <= {r.id for r in (*FAMILY, *FAR)}
    assert {"far+", "far-"} <= set(found)
    assert found["far-"].strand == "-"
    assert abs(found["far-"].tstart - 61) <= 3
    assert abs(found["far-"].tend - 122) <= 3
    assert "cm" in {h.source for h in found.values()}
    again = search(QUERY, database, config, embed=toy_embedder.embed)
    for name, one in (("a", result), ("b", again)):
        write_results(tmp_path / name, [one], covariance=True)
    for name in ("hits.tsv", "hits.tblout", "rounds.tsv", "alignments/q.sto"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    lines = [x.split() for x in (tmp_path / "a" / "hits.tblout").read_text().splitlines()[1:]]
    minus = max((cells for cells in lines if cells[0] == "far-"), key=lambda cells: float(cells[14]))
    assert minus[2] == "q"
    assert minus[9] == "-"
    assert int(minus[7]) > int(minus[8])
    assert all(len(cells) == 18 for cells in lines)


def test_a_query_without_structure_is_searched_by_its_profile(database: Database, toy_embedder: Any) -> None:
    query = Record("A", "", "AACAAACAAAACACAAACAAAAACACAA")
    result = search(query, database, SearchConfig(sensitive=True), embed=toy_embedder.embed)
    assert result.cm_hits == ()
    assert all(h.source == "profile" for h in result.hits)
