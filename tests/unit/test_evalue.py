from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.evalue import database_size, evalue_of, fit_null, shuffle_null


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20), st.integers(1, 2000), st.integers(1, 4))
def test_size_counts_targets_of_unit_length_on_both_strands(lengths: list[int], unit: int, pieces: int) -> None:
    expected = sum(2 * max(1.0, n / unit) for n in lengths) * pieces
    assert database_size(np.array(lengths), unit, pieces=pieces) == pytest.approx(expected)


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=20), st.integers(1, 2000))
def test_size_is_the_sum_of_the_shards(lengths: list[int], unit: int) -> None:
    whole = database_size(np.array(lengths), unit)
    parts = [database_size(np.array(part), unit) for part in (lengths[:1], lengths[1:])]
    assert whole == pytest.approx(sum(parts))


def test_copies_count() -> None:
    lengths = np.array([100, 100])
    once = database_size(lengths, 400)
    assert database_size(lengths, 400, total_residues=600) == pytest.approx(3 * once)
    assert database_size(np.array([], dtype=np.int64), 400) == 2


def test_evalue_scales_and_its_logarithm_does_not_underflow() -> None:
    evalue, score = evalue_of(math.log(1e-8), 1000)
    assert evalue == pytest.approx(1e-5)
    assert score == pytest.approx(5)
    assert evalue_of(-5000.0, 10) == (0.0, pytest.approx(5000 / math.log(10) - 1))
    assert evalue_of(800.0, 10)[0] == math.inf


def test_the_null_recovers_an_exponential_tail() -> None:
    rng = np.random.default_rng(3)
    # 4,000 windows a shuffle, of which one exceeds c with probability exp(-40 c)
    scores = [np.sort(rng.exponential(1 / 40, 4000))[::-1][:100] for _ in range(50)]
    null = fit_null(scores)
    assert null is not None
    for cosine in (0.12, 0.2, 0.3):
        assert math.exp(null.log_evalue(cosine)) == pytest.approx(4000 * math.exp(-40 * cosine), rel=0.5)


def test_the_null_of_nothing_is_none_and_of_equal_values_finite() -> None:
    assert fit_null([]) is None
    assert fit_null([np.array([])]) is None
    null = fit_null([np.array([0.5]), np.array([0.5])])
    assert null is not None
    assert math.isfinite(null.log_evalue(0.9))
    assert null.log_evalue(0.9) < null.log_evalue(0.5)


def test_shuffles_keep_dinucleotides_and_the_rate_counts_all_windows() -> None:
    seen: list[list[str]] = []

    def search(windows: list[str]) -> list[np.ndarray]:
        seen.append(windows)
        return [np.array([0.2, 0.1, 0.05]) for _ in windows]

    one = shuffle_null(["ACGUACGUAACCGGUU"], search, shuffles=6, seed=1)
    three = shuffle_null(["ACGUACGUAACCGGUU"] * 3, search, shuffles=6, seed=1)
    again = shuffle_null(["ACGUACGUAACCGGUU"], search, shuffles=6, seed=1)
    assert one is not None
    assert three is not None
    assert one == again
    assert three.rate == pytest.approx(3 * one.rate)
    assert seen[0] == seen[2]
    assert len(seen[0]) == 6
    assert all(sorted(window) == sorted("ACGUACGUAACCGGUU") for window in seen[0])
