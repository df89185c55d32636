from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.msa import consensus
from rhoma.msa.consensus import centroid, fold, foldings, pair_probabilities, without_lone
from rhoma.structure import LONG, fold_consensus

HAIRPINS = ("GGGCGAAAGCCC", "GCGCGAAAGCGC", "GGACGAAAGUCC", "AGGCGAAAGCCU")


def best_sum(gain: np.ndarray, i: int, j: int) -> float:
    """Returns the largest sum of nested pairs within [i, j), over all structures."""
    if j - i <= 4:
        return 0.0
    found = best_sum(gain, i, j - 1)
    for k in range(i, j - 4):
        found = max(found, best_sum(gain, i, k) + best_sum(gain, k + 1, j - 1) + gain[k, j - 1])
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 11))
def test_the_centroid_is_the_best_of_all_structures(seed: int, size: int) -> None:
    upper = np.triu(np.random.default_rng(seed).random((size, size)) ** 2, 1)
    probabilities = upper + upper.T
    pairs = centroid(probabilities, 1.5)
    gain = 2.5 * probabilities - 1
    assert sum(gain[i, j] for i, j in pairs) == pytest.approx(best_sum(gain, 0, size))
    ends = [end for pair in pairs for end in pair]
    assert len(ends) == len(set(ends))
    assert all(j - i > 3 for i, j in pairs)
    assert not any(a < c < b < d for a, b in pairs for c, d in pairs)


def test_alignments_fold_and_single_rows_as_ever() -> None:
    assert fold(HAIRPINS) == "((((....))))"
    assert fold(HAIRPINS * 50) == "((((....))))"
    assert fold(HAIRPINS[:1]) == fold_consensus(HAIRPINS[:1])
    assert fold(("", "")) == ""


def test_what_covaries_pairs_where_anything_else_speaks_for_it() -> None:
    # a helix that some rows have alone, beside an uncertain one
    rows = ("GCGCGAAAGCGC", "GAGCGAAAGAAC", "AAAAGAAAAUAA", "AAACGAAAGAAA", "AAAAGAAAAAAA")
    plain = fold(rows)
    pairs = [(0, 11), (1, 10), (2, 9), (3, 8)]
    assert fold(rows, covarying=pairs).count("(") > plain.count("(")
    # weak pairs, some of which some rows lack
    rows = ("AUAUGAAAGUGU", "GUGUGAAAAUAU", "AAGUGAAAAUUA", "GAAAGAAAGUUC")
    assert fold(rows).count("(") == 2
    assert fold(rows, covarying=pairs) == "((((....))))"
    # two columns that never pair do not become a pair
    assert fold(("AAAAAAAAAAAA",) * 5, covarying=[(0, 11)]) == "." * 12


def test_rows_whose_probabilities_are_known_speak_for_the_others() -> None:
    rows = tuple("GGGCGAAAGCCC" if number == 7 else "AAAAGAAAAAAA" for number in range(80))
    own = pair_probabilities("GGGCGAAAGCCC")
    _, alone = foldings(rows)
    assert alone.max() < 0.1
    _, alone = foldings(rows, {"GGGCGAAAGCCC": own})
    np.testing.assert_array_equal(alone, own)


def test_pairs_alone_are_none_unless_they_covary() -> None:
    pairs = [(0, 20), (1, 19), (3, 17), (5, 12), (6, 11)]
    assert without_lone(pairs) == [(0, 20), (1, 19), (5, 12), (6, 11)]
    assert without_lone(pairs, [(3, 17)]) == pairs


def test_what_has_been_folded_is_kept() -> None:
    known: dict[str, np.ndarray] = {}
    foldings(("GGGCGAAA-GCCC", "GGCCGAAAAGGCC"), known)
    assert set(known) == {"GGGCGAAAGCCC", "GGCCGAAAAGGCC"}


def test_rows_without_letters_or_of_unknown_ones_fold_into_nothing() -> None:
    assert fold(("NNNNNNNNNNNN", "NNNNNNNNNNNN")) == "." * 12
    assert fold(("GGGCGAAAGCCC", "------------")).count("(") <= 4


def test_long_alignments_are_folded_by_alifold_alone(monkeypatch) -> None:
    monkeypatch.setattr(consensus, "LONG", 10)
    assert fold(HAIRPINS) == fold_consensus(HAIRPINS)
    assert LONG > 10


def test_probabilities_of_a_hairpin() -> None:
    found = pair_probabilities("GGGCGAAAGCCC")
    assert found.shape == (12, 12)
    assert found[0, 11] > 0.9
    np.testing.assert_array_equal(found, found.T)


def test_pairs_that_are_ruled_out_are_none_and_the_others_as_probable_as_without_them() -> None:
    text = "GGGCGAAAGCCCAGGGCAAAAGUCC"
    free = pair_probabilities(text)
    # with all pairs, nothing changes
    np.testing.assert_array_equal(pair_probabilities(text, able=np.ones_like(free, dtype=bool)), free)
    # improbable ones: hardly anything
    some = pair_probabilities(text, able=free > 1e-6)
    assert np.abs(some - free).max() < 1e-4
    assert not some[free <= 1e-6].any()
    # one hairpin of two: the other remains
    able = np.ones_like(free, dtype=bool)
    able[:13] = able[:, :13] = False
    rest = pair_probabilities(text, able=able)
    assert not rest[:13].any()
    assert rest[13, 24] > 0.9
    np.testing.assert_array_equal(rest, rest.T)
