from __future__ import annotations

import numpy as np
import pytest

from rhoma.msa.evidence import WEIGHTS, candidates, features, probable

ROWS = ("GCAAAAGC", "GUAAAAAC", "-CAAAAGC", "ACAAAAGC")


def folding(*pairs: tuple[int, int, float]) -> np.ndarray:
    """Returns symmetric probabilities of pairs of eight columns."""
    found = np.zeros((8, 8))
    for i, j, probability in pairs:
        found[i, j] = found[j, i] = probability
    return found


def odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def test_pairs_that_a_folding_or_covariation_speaks_for_are_weighed() -> None:
    common, alone = folding((0, 7, 0.5), (1, 6, 0.005)), folding((1, 7, 0.3), (2, 5, 0.9))
    i, j = candidates(common, alone, [(1, 6), (3, 5)])
    # a hairpin has three letters
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == {(0, 7), (1, 6), (1, 7)}


def test_features_of_two_pairs() -> None:
    common, alone = folding((0, 7, 0.5), (1, 6, 0.2)), folding((0, 7, 1.0))
    found = features(ROWS, common, alone, np.array([0, 1]), np.array([7, 6]))
    assert list(found) == list(WEIGHTS)
    assert found["common"] == pytest.approx([0, odds(0.2)])
    # as probable as can be told
    assert found["alone"] == pytest.approx([odds(0.9999), odds(0.0001)])
    # each stacks on the other, and the ends of the alignment on nothing
    assert found["stacked_common"] == pytest.approx([odds(0.2), 0])
    assert found["stacked_alone"] == pytest.approx([odds(0.0001), odds(0.9999)])
    # GC, GC and AC of the three rows that have both; CG, UA, CG and CG
    assert found["canonical"] == pytest.approx([2 / 3, 1])
    assert found["variety"] == pytest.approx([0, -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))])


def test_probabilities_are_symmetric_and_grow_with_what_speaks_for_a_pair() -> None:
    common, alone = folding((0, 7, 0.5), (1, 6, 0.2)), folding((0, 7, 0.6))
    plain = probable(ROWS, common, alone)
    np.testing.assert_array_equal(plain, plain.T)
    assert ((plain > 0) == ((common > 0) | (alone > 0))).all()
    more = [
        probable(ROWS, folding((0, 7, 0.5), (1, 6, 0.4)), alone),
        probable(ROWS, common, alone, [(1, 6)]),
        probable(ROWS[:2], common, alone),
    ]
    assert all(plain[1, 6] < other[1, 6] < 1 for other in more)
    # what stacks on a likelier pair is likelier
    assert plain[0, 7] < more[0][0, 7]


def test_a_pair_that_covaries_is_probable_whatever_the_foldings_say_if_any_row_can_pair() -> None:
    common, alone = folding((2, 7, 0.3)), folding()
    assert probable(ROWS, common, alone)[1, 6] == 0
    assert probable(ROWS, common, alone, [(1, 6)])[1, 6] == pytest.approx(0.9)
    # columns of A alone
    assert probable(("A" * 8,) * 4, common, alone, [(1, 6)])[1, 6] < 0.1


def test_columns_that_nothing_speaks_for_are_no_pairs() -> None:
    assert not probable(ROWS, folding(), folding()).any()
