from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.evalue import UNIT, cm_log_pvalue, database_size, evalue_of, to_unit


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_size_counts_targets_of_unit_length_on_both_strands(lengths: list[int]) -> None:
    assert database_size(np.array(lengths)) == pytest.approx(sum(2 * max(1.0, n / UNIT) for n in lengths))


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=20))
def test_size_is_the_sum_of_the_shards(lengths: list[int]) -> None:
    parts = [database_size(np.array(part)) for part in (lengths[:1], lengths[1:])]
    assert database_size(np.array(lengths)) == pytest.approx(sum(parts))


def test_copies_count() -> None:
    lengths = np.array([100, 100])
    once = database_size(lengths)
    assert database_size(lengths, total_residues=600) == pytest.approx(3 * once)
    assert database_size(np.array([], dtype=np.int64)) == 2


def test_evalue_scales_and_its_logarithm_does_not_underflow() -> None:
    evalue, score = evalue_of(math.log(1e-8), 1000)
    assert evalue == pytest.approx(1e-5)
    assert score == pytest.approx(5)
    assert evalue_of(-5000.0, 10) == (0.0, pytest.approx(5000 / math.log(10) - 1))
    assert evalue_of(800.0, 10)[0] == math.inf


def test_a_region_of_several_units_has_as_many_chances() -> None:
    assert to_unit(-20.0, UNIT // 2) == -20.0
    assert to_unit(-20.0, 4 * UNIT) == pytest.approx(-20.0 - math.log(4))


def test_more_bits_of_a_covariance_model_are_rarer() -> None:
    values = [cm_log_pvalue(bits, 75) for bits in (-10.0, 5.0, 20.0, 40.0, 80.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 0.0
    assert values[-1] < -30
