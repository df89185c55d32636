from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rhoma.search.retrieve import FUSION, RankedList, fuse, query_windows

ranked_lists = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=12), max_size=4)


@given(ranked_lists)
def test_fusion_is_the_sum_of_reciprocal_ranks_over_the_union(lists: list[list[int]]) -> None:
    expected: dict[int, float] = {}
    for ranked in lists:
        for rank, candidate in enumerate(ranked, start=1):
            expected[candidate] = expected.get(candidate, 0.0) + 1 / (FUSION + rank)
    order, scores = fuse([np.array(ranked, dtype=np.int64) for ranked in lists])
    assert set(order.tolist()) == set(expected)
    assert np.allclose(scores, [expected[c] for c in order.tolist()])
    keys = [(-round(expected[c], 12), c) for c in order.tolist()]
    assert keys == sorted(keys)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(-1, 9)), max_size=6)),
        max_size=5,
    )
)
def test_a_list_keeps_the_best_score_of_each_candidate(answers: list[tuple[int, list[tuple[float, int]]]]) -> None:
    ranked = RankedList()
    best: dict[int, float] = {}
    for minus, found in answers:
        scores = np.array([[score for score, _ in found]], dtype=np.float32)
        rows = np.array([[row for _, row in found]], dtype=np.int64)
        ranked.add((scores, rows), minus)
        for score, row in found:
            if row >= 0:
                key = 2 * row + minus
                best[key] = max(best.get(key, 0.0), score)
    assert ranked.best() == best
    keys = list(zip((-ranked.scores).tolist(), ranked.candidates.tolist(), strict=True))
    assert keys == sorted(keys)


def test_scores_of_half_precision_rows_end_at_one() -> None:
    ranked = RankedList()
    ranked.add((np.array([[1.0003]], dtype=np.float32), np.array([[4]])), 0)
    assert ranked.best() == {8: 1.0}


@given(st.text("ACGU", min_size=1, max_size=400))
def test_windows_cover_the_query(sequence: str) -> None:
    windows = query_windows(sequence, 128, 64)
    assert windows[0] == sequence[:128]
    assert windows[-1] == sequence[-128:]
    assert all(window in sequence for window in windows)
    assert sum(map(len, windows)) >= len(sequence)
