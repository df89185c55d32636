"""Covariance models of a query and its homologs: what they are built of, and what they find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.index.build import build_index
from rhoma.profile import ProfileScorer
from rhoma.search import Database, covariance
from rhoma.search.retrieval import Region, Shortlist
from rhoma.search.scoring import Letters, TargetHit
from rhoma.sequences import Record, reverse_complement
from rhoma.store import write_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.tool("cmbuild", "cmsearch")

# the ends pair, and between them stands a hairpin that all share; letters of the ends are like in no two
LOOP = "AGUAACCGGACUUCGGUCCGGAAUAGAA"
STEMS = ("GGCAGCUCGA", "CAUCGAGGCU", "UGGACCGAUC", "GCGUUAGCAG", "ACCGGAUGCC")
FLANK = "ACAAUAUCAACAUUAACAUA"
END = len(STEMS[0])


def whole(stem: str) -> str:
    return stem + LOOP + reverse_complement(stem)


QUERY = whole(STEMS[0])
TARGETS = [FLANK + whole(stem) + FLANK for stem in STEMS[1:]]


@pytest.fixture
def letters(tmp_path: Path, toy_embedder: Any) -> Letters:
    records = [Record(str(number), "", text) for number, text in enumerate([*TARGETS, LOOP + FLANK])]
    store = write_store(tmp_path / "store", records, toy_embedder)
    index = build_index(records, store, tmp_path / "index", mmseqs=False)
    database = Database(index, window=index.manifest.window, stride=index.manifest.stride)
    return Letters(database, ProfileScorer())


def middle(sequence: int, start: int = len(FLANK) + END) -> TargetHit:
    """What a profile finds of a homolog: the hairpin without the helix of the ends."""
    columns = np.arange(END, END + len(LOOP), dtype=np.int32)
    return TargetHit(sequence, False, start, start + len(LOOP), columns, 20.0, -20.0)


def text(ascii_letters: NDArray[np.uint8]) -> str:
    return ascii_letters.tobytes().decode("ascii")


def test_short_ends_are_added_as_far_as_the_target_goes(letters: Letters) -> None:
    columns, added = letters.with_ends(middle(0), len(QUERY), END)
    assert columns.tolist() == list(range(len(QUERY)))
    assert text(added) == whole(STEMS[1])
    columns, added = letters.with_ends(middle(0), len(QUERY), END - 1)
    assert columns.tolist() == middle(0).columns.tolist()
    assert text(added) == LOOP
    columns, added = letters.with_ends(middle(len(TARGETS), 0), len(QUERY), END)
    assert columns.tolist() == list(range(END, len(QUERY)))
    assert text(added) == LOOP + FLANK[:END]


def test_the_helix_of_the_ends_is_in_the_model_and_finds_what_only_pairs(letters: Letters) -> None:
    model = covariance.model_of(QUERY, [middle(number) for number in range(3)], letters)
    lines = [line.split() for line in model.splitlines()]
    # every MATP node of the model is a pair
    pairs = sum("MATP" in cells for cells in lines)
    assert pairs >= END + 4
    everywhere = [Region(number, False, 0, len(text)) for number, text in enumerate(TARGETS)]
    alone, shared = (covariance.search(model, everywhere, letters, threads=threads) for threads in (1, 3))
    assert [(h.strand, h.span, h.bits, h.columns.tolist()) for h in alone] == [
        (h.strand, h.span, h.bits, h.columns.tolist()) for h in shared
    ]
    (hit,) = (hit for hit in alone if hit.sequence == 3)
    # the fourth homolog's ends share no letter with the others' beyond chance
    assert abs(hit.start - len(FLANK)) <= 1
    assert abs(hit.end - (len(FLANK) + len(QUERY))) <= 1
    assert hit.bits > 15


def test_without_a_pair_there_is_no_model(letters: Letters) -> None:
    assert covariance.model_of("A" * 40, (), None) == ""
    assert covariance.search("", [Region(0, False, 0, 30)], letters) == []


@pytest.mark.usefixtures("crashing_cmbuild")
def test_where_cmbuild_crashes_there_is_no_model_and_a_word_of_it(
    letters: Letters, caplog: pytest.LogCaptureFixture
) -> None:
    assert covariance.model_of(QUERY, [middle(0), middle(1)], letters) == ""
    assert "3 rows have no covariance model: cmbuild: failed" in caplog.text


def test_neither_strand_of_what_is_known_is_looked_at_again() -> None:
    """The other strand of a helix scores too: a homolog that was known came back as its own shadow."""
    places = [Region(0, False, 0, 90), Region(0, True, -90, 0), Region(0, True, -300, -200), Region(1, True, -90, 0)]
    listed = Shortlist(tuple(places), np.array([3, 0, 1, 2]), 4)
    assert covariance.unknown_regions(listed, [middle(0)]) == [places[2], places[3]]
    assert covariance.unknown_regions(listed, []) == [places[1], places[2], places[3], places[0]]


def test_runs_of_letters_that_could_pair_are_no_hits(
    tmp_path: Path, toy_embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    helix = "GGGGGGGGGGGGGG" + "AAAAAA" + "CCCCCCCCCCCCCC"
    texts = [FLANK + helix + FLANK, FLANK + whole(STEMS[0]) + FLANK]
    records = [Record(str(number), "", text) for number, text in enumerate(texts)]
    store = write_store(tmp_path / "store", records, toy_embedder)
    index = build_index(records, store, tmp_path / "index", mmseqs=False)
    letters = Letters(Database(index, window=index.manifest.window, stride=index.manifest.stride), ProfileScorer())
    regions = [Region(number, False, 0, len(text)) for number, text in enumerate(texts)]

    def found(query: str) -> set[int]:
        return {hit.sequence for hit in covariance.search(covariance.model_of(query, (), None), regions, letters)}

    assert found(QUERY) == {1}
    assert found(helix) == set()
    monkeypatch.setattr(covariance, "MOST_REPETITION", 1e9)
    assert found(helix) == {0}
