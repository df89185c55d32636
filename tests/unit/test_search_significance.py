"""What is known of a hit never rests on a model that the hit, or a hit like it, has built."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rhoma.search.scoring import TargetHit
from rhoma.search.significance import Look, judge

CORE = math.log(1e-3)


def hit(sequence: int, p: float, *, start: int = 0, minus: bool = False) -> TargetHit:
    return TargetHit(sequence, minus, start, start + 50, np.arange(50, dtype=np.int32), 10.0, math.log(p))


def test_a_member_is_judged_by_what_was_known_before() -> None:
    first = Look((), (hit(1, 1e-5), hit(2, 0.5)))
    second = Look((hit(1, 1e-5),), (hit(1, 1e-30), hit(2, 1e-4)))
    values = judge([hit(1, 1e-30), hit(2, 1e-4)], [first, second], CORE)
    assert values[0] == pytest.approx(math.log(1e-5))
    # the better of two looks by profiles of the same family: nearly one question, asked twice
    assert values[1] == pytest.approx(math.log(1e-4))


def test_the_better_of_profile_and_covariance_model_counts_twice() -> None:
    first = Look((), (hit(1, 1e-5), hit(2, 0.5)))
    second = Look((hit(1, 1e-5),), (hit(2, 1e-2),))
    third = Look((hit(1, 1e-5),), (hit(2, 1e-4),), "cm")
    assert judge([hit(1, 1), hit(2, 1)], [first, second, third], CORE)[1] == pytest.approx(math.log(2e-4))


def test_a_doubtful_member_spoils_the_look() -> None:
    first = Look((), (hit(1, 5e-3), hit(2, 0.5)))
    second = Look((hit(1, 5e-3),), (hit(1, 1e-30), hit(2, 1e-20)))
    values = judge([hit(1, 1e-30), hit(2, 1e-20)], [first, second], CORE)
    assert values == pytest.approx([math.log(5e-3), math.log(0.5)])


def test_a_look_of_the_core_counts_after_one_that_did_not() -> None:
    looks = [
        Look((), (hit(1, 1e-6), hit(2, 5e-3), hit(3, 0.5))),
        Look((hit(1, 1e-6), hit(2, 5e-3)), (hit(1, 1e-30), hit(2, 1e-30), hit(3, 1e-9))),
        Look((hit(1, 1e-6),), (hit(1, 1e-20), hit(2, 1e-8), hit(3, 0.1))),
    ]
    values = judge([hit(1, 1), hit(2, 1), hit(3, 1)], looks, CORE)
    assert values == pytest.approx([math.log(1e-6), math.log(1e-8), math.log(0.1)])


def test_hits_are_the_same_by_place_and_strand() -> None:
    first = Look((), (hit(1, 1e-9, start=10), hit(1, 1e-2, start=500), hit(2, 1e-9, start=-90, minus=True)))
    values = judge([hit(1, 1, start=0), hit(1, 1, start=490), hit(2, 1, start=40)], [first], CORE)
    # the third lies on the other strand of a place that was hit
    assert values == pytest.approx([math.log(1e-9), math.log(1e-2), 0.0])
