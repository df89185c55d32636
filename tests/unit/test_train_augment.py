from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.train.augment import AugmentConfig, decode, encode, evolve, place, synthetic_ancestor

CANONICAL = {(2, 1), (1, 2), (0, 3), (3, 0), (2, 3), (3, 2)}
SEEDS = st.integers(0, 2**31)


def hairpins(size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns partners of nested pairs over `size` positions."""
    pairs = np.full(size, -1, dtype=np.int32)
    low, high = 0, size - 1
    while high - low > 4:
        if rng.random() < 0.6:
            pairs[low], pairs[high] = high, low
        low, high = low + 1, high - 1
    return pairs


def test_letters_come_back() -> None:
    assert decode(encode("ACGUTNRY")) == "ACGUUNNN"


@given(SEEDS, st.integers(20, 120), st.floats(0, 1))
def test_substitutions_keep_length_and_pairs(seed: int, size: int, distance: float) -> None:
    rng = np.random.default_rng(seed)
    pairs = hairpins(size, rng)
    ancestor = synthetic_ancestor(pairs, rng)
    left = np.flatnonzero(pairs > np.arange(size))
    assert all((ancestor[i], ancestor[pairs[i]]) in CANONICAL for i in left)
    child = evolve(ancestor, pairs, np.ones(size), distance, 0.0, rng)
    assert len(child) == size
    assert child.max() < 4
    assert all((child[i], child[pairs[i]]) in CANONICAL for i in left)


def test_no_distance_changes_nothing_and_all_distance_changes_much() -> None:
    rng = np.random.default_rng(0)
    pairs = np.full(500, -1, dtype=np.int32)
    codes = rng.integers(0, 4, 500).astype(np.uint8)
    assert (evolve(codes, pairs, np.ones(500), 0.0, 0.0, rng) == codes).all()
    changed = (evolve(codes, pairs, np.ones(500), 0.3, 0.0, rng) != codes).mean()
    assert 0.2 < changed < 0.4
    # a mutation always changes the base, up to the ceiling of 0.75
    assert 0.65 < (evolve(codes, pairs, np.ones(500), 5.0, 0.0, rng) != codes).mean() < 0.85


def test_transitions_come_as_often_as_asked_for() -> None:
    rng = np.random.default_rng(8)
    codes = rng.integers(0, 4, 20_000, dtype=np.uint8)
    alone = np.full(len(codes), -1, np.int32)
    child = evolve(codes, alone, np.ones(len(codes)), 0.4, 0.0, rng, transitions=4.0)
    step = (child[child != codes] - codes[child != codes]) % 4
    assert (step == 2).mean() == pytest.approx(4 / 6, abs=0.03)


@given(SEEDS)
def test_indels_fall_in_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stem = 12
    size = 2 * stem + 30
    pairs = np.full(size, -1, dtype=np.int32)
    pairs[:stem], pairs[size - stem :] = np.arange(size - 1, size - stem - 1, -1), np.arange(stem - 1, -1, -1)
    codes = synthetic_ancestor(pairs, rng)
    child = evolve(codes, pairs, np.ones(size), 0.0, 0.2, rng)
    assert (child[:stem] == codes[:stem]).all()
    assert (child[-stem:] == codes[-stem:]).all()


@given(SEEDS, st.integers(15, 400), st.sampled_from([32, 128]), st.floats(0, 1))
def test_a_view_fits_the_window(seed: int, size: int, window: int, centre: float) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 5, size).astype(np.uint8)
    view = place(codes, centre, AugmentConfig(window=window), rng)
    assert 1 <= len(view) <= window
    if size > window:
        assert decode(view) in decode(codes)


@given(SEEDS, st.integers(15, 120))
def test_flanks_keep_most_of_a_short_rna(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, size).astype(np.uint8)
    view = decode(place(codes, 0.5, AugmentConfig(window=128, bare=0.0, truncate=0.0), rng))
    whole = decode(codes)
    kept = size - size // 4
    assert len(view) == 128
    assert any(whole[i : i + kept] in view for i in range(size - kept + 1))


@given(SEEDS, st.integers(15, 300), st.integers(1, 40))
def test_without_augmentation_views_are_windows_on_the_grid(seed: int, size: int, grid: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, size).astype(np.uint8)
    config = AugmentConfig.none(64, grid)
    child = evolve(codes, np.full(size, -1, np.int32), np.ones(size), config.substitutions, config.indels, rng)
    view = decode(place(child, float(rng.random()), config, rng))
    starts = range(0, max(1, size - 64 + 1), grid)
    assert view in {decode(codes[s : s + 64]) for s in starts}


@pytest.mark.parametrize("field", ["window", "rate_shape"])
def test_unknown_settings_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match="extra"):
        AugmentConfig.model_validate({field + "s": 1})
