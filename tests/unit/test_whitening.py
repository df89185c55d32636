"""Whitening against numpy."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.models.whitening import Whitening  # noqa: E402


@pytest.mark.parametrize(("power", "variances"), [(1.0, (1, 1, 1)), (0.0, (25, 9, 1)), (0.5, (5, 3, 1))])
def test_whitening_levels_the_variances_of_the_main_axes(power: float, variances: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    size = 12
    turn = np.linalg.qr(rng.standard_normal((size, size)))[0]
    spread = np.r_[5, 3, 1, np.full(size - 3, 0.3)] * 1e-3
    # a long common vector: unit length changes next to nothing
    background = turn[:, -1] + (rng.standard_normal((20_000, size)) * spread) @ turn.T
    whitening = Whitening(size, 3)
    whitening.fit(torch.from_numpy(background), power)
    assert not any(parameter.requires_grad for parameter in whitening.parameters())
    assert float(whitening.matrix.abs().max()) == pytest.approx(1)
    unit = background / np.linalg.norm(background, axis=1, keepdims=True)
    projected = (unit - whitening.mean.double().numpy()) @ whitening.matrix.double().numpy()
    covariance = np.cov(projected.T)
    assert np.allclose(projected.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(covariance / covariance[2, 2], np.diag(variances), atol=0.12 * variances[0])
    found = whitening(torch.from_numpy(background[:50]).float()).numpy()
    expected = projected[:50] / np.linalg.norm(projected[:50], axis=1, keepdims=True)
    assert np.abs(found - expected).max() < 5e-3
