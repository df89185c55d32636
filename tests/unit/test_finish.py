"""Soft words against counting by hand, whitening against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.models.whitening import FILTERS, Finish, SoftWords, Whitening  # noqa: E402

CODES = {"A": 1, "C": 2, "G": 3, "U": 4, "N": 5}
SOFT = SoftWords()
PATTERNS = ["".join("ACGU"[int(letter)] for letter in rows.argmax(0)) for rows in SOFT.filters]


def letters(*sequences: str) -> torch.Tensor:
    out = torch.zeros((len(sequences), max(map(len, sequences))), dtype=torch.int64)
    for row, sequence in enumerate(sequences):
        out[row, : len(sequence)] = torch.tensor([CODES[letter] for letter in sequence])
    return out


def by_hand(sequence: str, pattern: str) -> float:
    """Returns the root of what matches beyond four letters add up to, over all places the word's middle can be at."""
    half = len(pattern) // 2
    padded = "-" * half + sequence + "-" * half
    windows = [padded[i : i + len(pattern)] for i in range(len(sequence))]
    matches = [sum(a == b for a, b in zip(window, pattern, strict=True)) for window in windows]
    return float(np.sqrt(sum(max(0, m - 4) for m in matches)))


@settings(max_examples=25, deadline=None)
@given(st.text("ACGUN", min_size=1, max_size=40))
def test_soft_words_are_counted_as_by_hand(sequence: str) -> None:
    counts = SOFT(letters(sequence))[0]
    assert counts.shape == (FILTERS,)
    for number in range(0, FILTERS, 97):
        assert float(counts[number]) == pytest.approx(by_hand(sequence, PATTERNS[number]), abs=1e-5)


def test_the_filters_are_the_same_everywhere() -> None:
    assert PATTERNS[:3] == [
        "".join("ACGU"[i] for i in row)
        for row in torch.randint(4, (FILTERS, 9), generator=torch.Generator().manual_seed(0))[:3]
    ]
    assert len(set(PATTERNS)) > 1000


def test_padding_adds_no_words() -> None:
    alone, beside = SOFT(letters("ACGUACGUAC")), SOFT(letters("ACGUACGUAC", "A" * 60))
    assert torch.equal(alone[0], beside[0])


@pytest.mark.parametrize(("power", "variances"), [(1.0, (1, 1, 1)), (0.0, (25, 9, 1)), (0.5, (5, 3, 1))])
def test_whitening_levels_the_variances_of_the_main_axes(power: float, variances: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    size = 12
    turn = np.linalg.qr(rng.standard_normal((size, size)))[0]
    spread = np.r_[5, 3, 1, np.full(size - 3, 0.3)] * 1e-3
    # a long common vector: unit length changes next to nothing
    background = turn[:, -1] + (rng.standard_normal((20_000, size)) * spread) @ turn.T
    whitening = Whitening(size, 3)
    with torch.no_grad():
        whitening.fit(torch.from_numpy(background), power)
    assert float(whitening.matrix.abs().max()) == pytest.approx(1)
    unit = background / np.linalg.norm(background, axis=1, keepdims=True)
    projected = (unit - whitening.mean.double().numpy()) @ whitening.matrix.double().numpy()
    covariance = np.cov(projected.T)
    assert np.allclose(projected.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(covariance / covariance[2, 2], np.diag(variances), atol=0.12 * variances[0])
    found = whitening(torch.from_numpy(background[:50]).float()).numpy()
    expected = projected[:50] / np.linalg.norm(projected[:50], axis=1, keepdims=True)
    assert np.abs(found - expected).max() < 5e-3


def test_both_parts_count_the_same() -> None:
    finish = Finish(32, 8, 16)
    assert finish.dimension == 24
    assert not any(parameter.requires_grad for parameter in finish.parameters())
    sequences = letters(*["".join(np.random.default_rng(n).choice(list("ACGU"), 30)) for n in range(60)])
    assert finish.words is not None
    vectors = torch.randn(60, 32, generator=torch.Generator().manual_seed(1))
    finish.fit(vectors, finish.words(sequences))
    out = finish(vectors, sequences)
    assert out.shape == (60, 24)
    torch.testing.assert_close(out[:, :8].norm(dim=1), torch.ones(60))
    torch.testing.assert_close(out[:, 8:].norm(dim=1), torch.ones(60))


def test_each_part_can_be_left_out() -> None:
    vectors, sequences = torch.randn(3, 32), letters("ACGUACGUACGUA", "GGGGGCCCC", "AUAUAUAUAUAUAU")
    assert Finish(32, 0, 0)(vectors, None) is vectors
    assert Finish(32, 0, 0).state_dict() == {}
    assert Finish(32, 8, 0)(vectors, None).shape == (3, 8)
    out = Finish(32, 0, 8)(vectors, sequences)
    torch.testing.assert_close(out[:, :32], torch.nn.functional.normalize(vectors, dim=1))
