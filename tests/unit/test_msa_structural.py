from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest

from rhoma.alignment import Alignment, as_cells, ungapped
from rhoma.msa import accuracy, pairhmm, structural
from rhoma.msa.consensus import pair_probabilities
from rhoma.msa.structural import rows_within, structural_alignment


def gap(letters: int) -> float:
    return 0.0 if letters == 0 else pairhmm.OPEN + pairhmm.EXTEND * (letters - 1)


def ends(letters: int) -> float:
    return 0.0 if letters == 0 else pairhmm.END_OPEN + pairhmm.END_EXTEND * (letters - 1)


def by_enumeration(scores: np.ndarray) -> np.ndarray:
    """Returns the probabilities of matches, summed over every list of matches of two sequences."""
    n, m = scores.shape

    @cache
    def behind(i: int, j: int) -> float:
        """Returns the weight of all that follows a match of (i, j)."""
        total = np.exp(ends(n - 1 - i) + ends(m - 1 - j))
        for k in range(i + 1, n):
            for o in range(j + 1, m):
                total += np.exp(gap(k - i - 1) + gap(o - j - 1) + scores[k, o]) * behind(k, o)
        return float(total)

    @cache
    def before(i: int, j: int) -> float:
        total = np.exp(ends(i) + ends(j))
        for k in range(i):
            for o in range(j):
                total += before(k, o) * np.exp(gap(i - k - 1) + gap(j - o - 1))
        return float(total * np.exp(scores[i, j]))

    weights = np.array([[before(i, j) * behind(i, j) for j in range(m)] for i in range(n)])
    whole = sum(before(i, j) * np.exp(ends(n - 1 - i) + ends(m - 1 - j)) for i in range(n) for j in range(m))
    return np.asarray(weights / whole)


def test_posteriors_are_those_of_all_alignments() -> None:
    rng = np.random.default_rng(1)
    lengths = [(5, 4), (1, 1), (3, 5), (1, 4)]
    scores = rng.normal(0, 3, (len(lengths), 5, 5))
    left, right = np.array(lengths).T
    found = pairhmm.posteriors(scores, left, right)
    for part, score, (n, m) in zip(found, scores, lengths, strict=True):
        assert part[:n, :m] == pytest.approx(by_enumeration(score[:n, :m]), abs=1e-6)
        assert not part[n:].any()
        assert not part[:, m:].any()


def test_posteriors_of_long_sequences_stay_numbers() -> None:
    size = 900
    scores = np.full((1, size, size), -2.0)
    scores[0, np.arange(size), np.arange(size)] = 2.0
    found = pairhmm.posteriors(scores, np.array([size]), np.array([size]))
    assert found[0, np.arange(size), np.arange(size)].min() > 0.9


def test_the_alignment_of_two_has_the_largest_sum() -> None:
    gains = np.random.default_rng(2).random((4, 5)) ** 3
    best = 0.0
    for count in range(5):
        for some in combinations(range(4), count):
            best = max(best, *(gains[list(some), list(c)].sum() for c in combinations(range(5), count)))
    a, b = accuracy._best_path(gains)
    both = [(i, j) for i in range(4) for j in range(5) if a[i] == b[j]]
    assert sum(gains[i, j] for i, j in both) == pytest.approx(best)
    assert sorted(set(a) | set(b)) == list(range(9 - len(both)))


def test_a_third_sequence_settles_what_two_leave_open() -> None:
    # 0 and 1 do not know where 1's letter goes; both know where they go in 2
    posteriors = np.zeros((3, 3, 3), dtype=np.float32)
    posteriors[0, 0, 0] = posteriors[0, 2, 0] = 0.4
    posteriors[1, np.arange(3), np.arange(3)] = 0.9
    posteriors[2, 0, 2] = 0.9
    columns = accuracy.align([3, 1, 3], [(0, 1), (0, 2), (1, 2)], posteriors)
    assert {number: place.tolist() for number, place in columns.items()} == {0: [0, 1, 2], 1: [2], 2: [0, 1, 2]}


def hairpins() -> list[tuple[str, int]]:
    """Returns hairpins whose stems share no letters, behind tails of other lengths, and where their stems begin."""
    stems = ("GGGCCC", "CCAGGA", "ACGUGC", "UGCAAG", "GAUCCU")
    turned = str.maketrans("ACGU", "UGCA")
    return [
        ("A" * (2 + number % 3) + stem + "GAAA" + stem.translate(turned)[::-1] + "AA", 2 + number % 3)
        for number, stem in enumerate(stems)
    ]


def test_stems_are_aligned_where_letters_are_not_alike() -> None:
    made = hairpins()
    alignment = structural_alignment(Alignment(tuple("abcde"), tuple(f"{row:-<30}" for row, _ in made)))
    assert [ungapped(row) for row in alignment.rows] == [row for row, _ in made]
    places = [
        np.flatnonzero(row != ord("-"))[begin] for row, (_, begin) in zip(as_cells(alignment.rows), made, strict=True)
    ]
    assert len(set(places)) == 1


def test_what_the_rows_pair_together_is_kept_for_the_consensus() -> None:
    rows = tuple(row for row, _ in hairpins())
    width = max(map(len, rows))
    known: dict[str, np.ndarray] = {}
    structural_alignment(Alignment(tuple("abcde"), tuple(row.ljust(width, "-") for row in rows)), known)
    assert set(known) == set(rows)
    alone = sum(float(np.diag(pair_probabilities(row)[2:8, 12:18][:, ::-1]).sum()) for row in rows)
    together = sum(float(np.diag(known[row][2:8, 12:18][:, ::-1]).sum()) for row in rows)
    assert together > 0
    assert known[rows[0]] == pytest.approx(known[rows[0]].T)
    assert together > 0.9 * alone


def test_the_same_rows_give_the_same_alignment_also_in_portions_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    start = Alignment(tuple("abcde"), tuple(f"{row:-<30}" for row, _ in hairpins()))
    whole = structural_alignment(start)
    monkeypatch.setattr(structural, "_CELLS", 1)
    assert structural_alignment(start).rows == whole.rows == structural_alignment(start, threads=3).rows


@pytest.mark.parametrize(("length", "rows"), [(76, 32), (400, 19), (20_000, 1)])
def test_rows_that_are_few_enough(length: int, rows: int) -> None:
    assert rows_within(length) == rows
