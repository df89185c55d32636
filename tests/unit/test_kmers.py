from __future__ import annotations

from collections import Counter
from itertools import product
from math import log, sqrt

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.kmers import N_KMERS, K, KmerVectors, count_kmers

NUMBER = {"".join(letters): number for number, letters in enumerate(product("ACGU", repeat=K))}
# Few letters and short texts, so that k-mers are shared and repeated.
texts = st.lists(st.text(alphabet="AACCGN", max_size=30), min_size=1, max_size=8)


def counts_of(text: str) -> Counter[str]:
    words = (text[i : i + K] for i in range(len(text) - K + 1))
    return Counter(word for word in words if word in NUMBER)


def cosines_slowly(windows: list[str], query: str) -> list[float]:
    """The definition, in dictionaries."""
    bags = [counts_of(window) for window in windows]
    frequency = Counter(word for bag in bags for word in bag)

    def weights(bag: Counter[str]) -> dict[str, float]:
        return {w: sqrt(c) * (1 + log((1 + len(windows)) / (1 + frequency[w]))) for w, c in bag.items()}

    def norm(vector: dict[str, float]) -> float:
        return sqrt(sum(value**2 for value in vector.values())) or 1.0

    asked = weights(counts_of(query))
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
@given(texts, texts)
def test_cosines_agree_with_the_definition(windows: list[str], queries: list[str]):
    cosines = KmerVectors.of(windows).cosines(queries)
    assert (cosines.shape, cosines.dtype) == ((len(queries), len(windows)), np.float32)
    for row, query in zip(cosines, queries, strict=True):
        np.testing.assert_allclose(row, cosines_slowly(windows, query), atol=1e-5)


def test_texts_without_k_mers():
    assert KmerVectors.of([]).cosines(["ACGUACGUACGU"]).shape == (1, 0)
    assert not KmerVectors.of(["A" * 20, "NNNN"]).cosines(["ACGUACGUACGU", "", "NNNNNNNNNN"]).any()
