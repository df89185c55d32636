from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rhoma.search.query import cut, window_letters
from rhoma.search.retrieval import LONGEST_REGION, Candidates, Questions, Region, ask, merge, shortlist

LENGTHS = np.array([50, 400, 1000, 150_000])
answers = st.lists(
    st.tuples(
        st.booleans(), st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(-1, 9)), min_size=1, max_size=6)
    ),
    max_size=5,
)
stretches = st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 999), st.integers(1, 120)), max_size=15)


class Answers:
    """An index that gives the same answer to every question of a number, which its vector begins with."""

    n_windows = 10

    def __init__(self, found: list[list[tuple[float, int]]]) -> None:
        self._found = found

    def search(self, vectors: Any, k: int, floor: float) -> tuple[Any, Any]:
        scores, rows = np.full((len(vectors), k), -np.inf, np.float32), np.full((len(vectors), k), -1)
        for line, number in enumerate(vectors[:, 0].astype(int).tolist()):
            best = sorted((pair for pair in self._found[number] if pair[0] >= floor and pair[1] >= 0), reverse=True)
            for place, (score, row) in enumerate(best[:k]):
                scores[line, place], rows[line, place] = score, row
        return scores, rows


def numbered(count: int) -> Any:
    return np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.float32)


@given(answers)
def test_a_candidate_keeps_its_best_score(given_: list[tuple[bool, list[tuple[float, int]]]]) -> None:
    database: Any = SimpleNamespace(index=Answers([found for _, found in given_]))
    minus = np.array([strand for strand, _ in given_], dtype=bool)
    questions = Questions(numbered(len(given_)), minus, np.arange(len(given_)) * 10)
    best: dict[int, float] = {}
    for strand, found in given_:
        for score, row in found:
            if row >= 0:
                best[2 * row + strand] = max(best.get(2 * row + strand, 0.0), score)
    candidates = ask(database, questions, 10, Candidates.none())
    assert dict(zip(candidates.code.tolist(), candidates.score.tolist(), strict=True)) == best
    keys = list(zip((-candidates.score).tolist(), candidates.code.tolist(), strict=True))
    assert keys == sorted(keys)
    for code, score, offset in zip(
        candidates.code.tolist(), candidates.score.tolist(), candidates.offset.tolist(), strict=True
    ):
        assert (score, code // 2) in [(s, r) for s, r in given_[offset // 10][1]]
    again = Candidates.none().merge(candidates).merge(candidates)
    assert again.code.tolist() == candidates.code.tolist()


def test_scores_of_stored_rows_end_at_one() -> None:
    database: Any = SimpleNamespace(index=Answers([[(1.0003, 4)]]))
    questions = Questions(numbered(1), np.array([False]), np.array([0]))
    assert ask(database, questions, 1, Candidates.none()).score.tolist() == [1.0]


@given(answers, st.integers(1, 8))
def test_questions_one_after_the_other_find_the_same_best(
    given_: list[tuple[bool, list[tuple[float, int]]]], count: int
) -> None:
    database: Any = SimpleNamespace(index=Answers([found for _, found in given_]))
    minus = np.array([strand for strand, _ in given_], dtype=bool)
    questions = Questions(numbered(len(given_)), minus, np.arange(len(given_)) * 10)
    together = ask(database, questions, count, Candidates.none()).top(count)
    with patch("rhoma.search.retrieval._TOGETHER", 1):
        candidates = ask(database, questions, count, Candidates.none())
    assert candidates.top(count).code.tolist() == together.code.tolist()
    assert candidates.top(count).score.tolist() == together.score.tolist()
    # what is asked again, for a longer list, adds only what is missing
    longer = ask(database, questions, 10, candidates)
    whole = ask(database, questions, 10, Candidates.none())
    assert longer.code.tolist()[: min(10, len(whole))] == whole.code.tolist()[:10]


@given(stretches)
def test_merged_stretches_hold_all_and_do_not_meet(given_: list[tuple[int, bool, int, int]]) -> None:
    rows = [
        (s, m, *((-min(b + n, int(LENGTHS[s])), -min(b, int(LENGTHS[s]) - 1)) if m else (b, b + n)))
        for s, m, b, n in given_
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    regions, where = merge(table[:, 0], table[:, 1] == 1, table[:, 2], table[:, 3])
    assert regions == sorted(regions)
    for (sequence, minus, start, end), number in zip(rows, where.tolist(), strict=True):
        region = regions[number]
        assert (region.sequence, region.minus) == (sequence, minus)
        assert region.start <= start < end <= region.end or start >= end
    covered = {(r.sequence, r.minus, x) for r in regions for x in range(r.start, r.end)}
    assert covered == {(s, bool(m), x) for s, m, start, end in rows for x in range(start, end)}
    assert sum(r.end - r.start for r in regions) == len(covered)


def listed(candidates: Candidates, windows: list[tuple[int, int, int]], length: int, places: list[Region]) -> Any:
    def lookup(rows: Any) -> Any:
        return tuple(np.array([windows[row][i] for row in rows], dtype=np.int64) for i in range(3))

    database: Any = SimpleNamespace(index=SimpleNamespace(windows=lookup), lengths=LENGTHS, dead=None)
    return shortlist(database, candidates, length, 20, places)


def test_a_diagonal_says_where_the_tile_lies_on_either_strand() -> None:
    # the window 300-428 of target 2 is like what begins at 100 of a tile of 300 nt, on the + and on the - strand
    candidates = Candidates(np.array([0, 1]), np.array([0.9, 0.8], np.float32), np.array([100, 100]))
    found = listed(candidates, [(2, 300, 428)], 300, [])
    assert found.regions == (Region(2, False, 180, 520), Region(2, True, -548, -208))
    assert found.rank.tolist() == [0, 1]
    # at the end of a target nothing is added
    end = listed(Candidates(np.array([0]), np.array([0.9], np.float32), np.array([0])), [(0, 0, 50)], 300, [])
    assert end.regions == (Region(0, False, 0, 50),)


def test_places_join_and_have_no_rank() -> None:
    found = listed(Candidates.none(), [], 100, [Region(1, False, 100, 200), Region(1, False, 230, 300)])
    assert found.regions == (Region(1, False, 80, 320),)
    assert found.rank.tolist() == [0] == [found.windows]


def test_a_region_beyond_what_hmmer_takes_is_cut_with_overlaps() -> None:
    found = listed(Candidates.none(), [], 500, [Region(3, True, -150_000, 0)])
    assert all(r.end - r.start <= LONGEST_REGION for r in found.regions)
    assert (found.regions[0].start, found.regions[-1].end) == (-150_000, 0)
    for left, right in zip(found.regions, found.regions[1:], strict=False):
        assert left.end - right.start >= 2 * (500 + 20)


@given(st.integers(1, 30_000), st.integers(100, 1500), st.integers(0, 900))
def test_tiles_cover_the_query_and_overlap(length: int, tile: int, overlap: int) -> None:
    borders = cut(length, tile, overlap)
    assert borders[0][0] == 0
    assert borders[-1][1] == length
    assert all(end - start <= tile + 1 for start, end in borders)
    for (_, end), (start, _) in zip(borders, borders[1:], strict=False):
        assert end - start >= min(overlap, tile // 2) - 1
    assert (len(borders) == 1) == (length <= tile)


@given(st.text("ACGU", min_size=1, max_size=400))
def test_windows_cover_the_query(sequence: str) -> None:
    windows = window_letters(sequence, 128, 64)
    assert windows[0] == sequence[:128]
    assert windows[-1] == sequence[-128:]
    assert all(window in sequence for window in windows)
    assert sum(map(len, windows)) >= len(sequence)
