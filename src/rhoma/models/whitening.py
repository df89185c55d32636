"""Whitening: from the vector that training made to the one that is searched (Su et al. 2021, for sentence vectors).

A contrastive loss leaves most of the variance in few directions; levelling the main axes gives the others back their
say. Nothing of it is learned by gradients: it is fitted in closed form to a background of sequences that are no
relatives of each other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# of the mean variance, added to each: the smallest variances are mostly noise
_FLOOR = 1e-2


class Whitening(nn.Module):
    """Unit vectors, centred and turned onto the main axes of a background, each axis with a variance nearer to one."""

    def __init__(self, size: int, kept: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(size), requires_grad=False)
        self.matrix = nn.Parameter(torch.eye(size, kept), requires_grad=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return unit vectors (b, kept) of `vectors` (b, size)."""
        centred = functional.normalize(vectors, dim=-1) - self.mean
        return functional.normalize(centred @ self.matrix, dim=-1)

    @torch.no_grad()
    def fit(self, background: Tensor, power: float) -> None:
        """Set mean and axes from `background` (n, size), which are not homologous to each other.

        Args:
            background: vectors.
            power: 1 gives every axis the variance 1, 0 leaves the variances as they are.
        """
        vectors = functional.normalize(background.double(), dim=-1)
        mean = vectors.mean(dim=0)
        variance, axes = torch.linalg.eigh(torch.cov((vectors - mean).T))
        order = variance.argsort(descending=True)[: self.matrix.shape[1]]
        scale = (variance + _FLOOR * variance.mean()).clamp(min=1e-12) ** (-power / 2)
        matrix = axes[:, order] * scale[order]
        # of a size that half precision holds
        self.mean.copy_(mean)
        self.matrix.copy_(matrix / matrix.abs().max())
