"""Whitening, fitted to windows of the training families: what the loss sees, or the last step of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from rhoma.train.validate import embed_sequences, flanked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.models.network import HomologyNetwork
    from rhoma.train.data import Family

_WINDOWS = 6000
_WINDOWS_A_FAMILY = 50
_SEED = 3


def background_windows(families: Sequence[Family], window: int) -> list[str]:
    """Return windows of flanked members of families drawn evenly; the same ones every time."""
    rng = np.random.default_rng(_SEED)
    windows = []
    for _ in range(min(_WINDOWS, _WINDOWS_A_FAMILY * len(families))):
        family = families[int(rng.integers(len(families)))]
        sequence = flanked(family.members[int(rng.integers(len(family.members)))], rng)
        start = int(rng.integers(max(1, len(sequence) - window + 1)))
        windows.append(sequence[start : start + window])
    return windows


def fit_whitening(network: HomologyNetwork, families: Sequence[Family], window: int, power: float) -> None:
    """Fit the whitening of `network`, if it has one, to windows of `families`."""
    if network.whitening is None:
        return
    windows = background_windows(families, window)
    vectors = torch.from_numpy(embed_sequences(network, windows, network.learned))
    network.whitening.fit(vectors.to(next(network.parameters()).device), power)
