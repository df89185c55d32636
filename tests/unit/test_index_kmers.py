from __future__ import annotations

from collections import Counter
from itertools import product
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.index.kmers import (
    N_CONTIGUOUS,
    N_KMERS,
    PATTERNS,
    KmerIndex,
    Postings,
    count_kmers,
    inverse_frequencies,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PLACES = [[i for i, mark in enumerate(pattern) if mark == "1"] for pattern in PATTERNS]
WORDS = [
    (pattern, "".join(letters))
    for pattern, places in zip(PATTERNS, PLACES, strict=True)
    for letters in product("ACGU", repeat=len(places))
]
NUMBER = {word: number for number, word in enumerate(WORDS)}
# Few letters and short texts, so that k-mers are shared and repeated.
texts = st.lists(st.text(alphabet="AACCGN", max_size=30), min_size=1, max_size=8)


def counts_of(text: str, patterns: tuple[str, ...] = PATTERNS) -> Counter[tuple[str, str]]:
    words = (
        (pattern, "".join(text[i + place] for place in places))
        for pattern, places in zip(PATTERNS, PLACES, strict=True)
        if pattern in patterns
        for i in range(len(text) - len(pattern) + 1)
    )
    return Counter(word for word in words if word in NUMBER)


def cosines_slowly(windows: list[str], query: str, patterns: tuple[str, ...] = PATTERNS) -> list[float]:
    """The definition, in dictionaries."""
    bags = [counts_of(window, patterns) for window in windows]
    frequency = Counter(word for bag in bags for word in bag)

    def weights(bag: Counter[tuple[str, str]]) -> dict[tuple[str, str], float]:
        return {w: sqrt(c) * (1 + log((1 + len(windows)) / (1 + frequency[w]))) for w, c in bag.items()}

    def norm(vector: dict[tuple[str, str], float]) -> float:
        return sqrt(sum(value**2 for value in vector.values())) or 1.0

    asked = weights(counts_of(query, patterns))
    return [
        sum(value * held.get(word, 0.0) for word, value in asked.items()) / norm(asked) / norm(held)
        for held in map(weights, bags)
    ]


@given(texts)
def test_counts_agree_with_a_dictionary(sequences: list[str]):
    table = count_kmers(sequences).toarray()
    assert table.shape == (len(sequences), N_KMERS)
    for row, sequence in enumerate(sequences):
        bag = counts_of(sequence)
        assert {int(kmer): int(table[row, kmer]) for kmer in np.flatnonzero(table[row])} == {
            NUMBER[word]: count for word, count in bag.items()
        }


@settings(max_examples=60)
@given(texts, texts, st.integers(1, 10), st.booleans())
def test_cosines_agree_with_the_definition(windows: list[str], queries: list[str], k: int, contiguous: bool):
    postings = Postings.of(windows)
    weights = inverse_frequencies(postings.frequencies, len(windows), contiguous=contiguous)
    assert (weights[N_CONTIGUOUS:] == 0).all() == contiguous
    index = KmerIndex(postings, weights)
    scores, rows = index.search(queries, k)
    assert scores.shape == rows.shape == (len(queries), k)
    for number, query in enumerate(queries):
        expected = cosines_slowly(windows, query, PATTERNS[:1] if contiguous else PATTERNS)
        found = rows[number][rows[number] >= 0].tolist()
        assert len(found) == min(k, sum(value > 0 for value in expected))
        np.testing.assert_allclose(scores[number, : len(found)], [expected[row] for row in found], atol=1e-5)
        best = sorted((value for value in expected if value > 0), reverse=True)[:k]
        np.testing.assert_allclose(scores[number, : len(found)], best, atol=1e-5)
        assert (rows[number, len(found) :] == -1).all()
        assert (scores[number, len(found) :] == -np.inf).all()


def test_equal_windows_tie_by_row_and_the_dead_are_not_found():
    window = "ACGUACGGCAUUAGC"
    postings = Postings.of([window] * 6)
    index = KmerIndex(postings, inverse_frequencies(postings.frequencies, 6))
    scores, rows = index.search([window], 3)
    assert rows[0].tolist() == [0, 1, 2]
    np.testing.assert_allclose(scores[0], 1.0, atol=1e-6)
    alive = np.array([False, True, False, False, True, True])
    assert index.search([window], 5, alive=alive)[1][0].tolist() == [1, 4, 5, -1, -1]


def test_postings_survive_a_file_and_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    windows = ["".join(rng.choice(list("ACGU"), 60)) for _ in range(50)]
    whole = Postings.of(windows)
    monkeypatch.setattr("rhoma.index.kmers._BLOCK_WINDOWS", 7)
    blocks = Postings.of(windows)
    blocks.write(tmp_path)
    again = Postings.read(tmp_path, 50)
    for name in ("first", "rows", "counts"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(blocks, name))
        np.testing.assert_array_equal(getattr(whole, name), getattr(again, name))
    assert again.counts.dtype == np.uint8


def test_counts_stop_at_255():
    postings = Postings.of(["A" * 1000])
    assert postings.counts.tolist() == [255] * len(PATTERNS)


def test_an_index_without_windows_or_shared_k_mers():
    postings = Postings.of([])
    index = KmerIndex(postings, inverse_frequencies(postings.frequencies, 0))
    assert index.search(["ACGUACGUACGU"], 2)[1].tolist() == [[-1, -1]]
    postings = Postings.of(["A" * 20, "NNNN"])
    index = KmerIndex(postings, inverse_frequencies(postings.frequencies, 2))
    assert index.search(["ACGUACGUACGU", "", "NNNNNNNNNN"], 1)[1].tolist() == [[-1]] * 3
