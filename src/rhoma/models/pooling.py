"""From states per nucleotide to one vector; padding never counts."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def mean_pool(states: Tensor, residues: Tensor) -> Tensor:
    """Return the mean state (b, d) over the nucleotides of each sequence.

    Args:
        states: (b, t, d).
        residues: (b, t) bool, True on nucleotides.
    """
    keep = residues.unsqueeze(-1).to(states.dtype)
    return (states * keep).sum(1) / keep.sum(1).clamp(min=1)


class AttentivePool(nn.Module):
    """Learned attentive pooling: heads, each a softmax over the nucleotides of its own slice of values."""

    def __init__(self, size: int, dimension: int, heads: int) -> None:
        super().__init__()
        if dimension % heads:
            raise ValueError(f"dimension {dimension} is not divisible by {heads} pooling heads")
        self.heads = heads
        self.score = nn.Linear(size, heads)
        self.value = nn.Linear(size, dimension)

    def forward(self, states: Tensor, residues: Tensor) -> Tensor:
        """Return vectors (b, dimension) of the states (b, t, size) where `residues` (b, t) is True."""
        batch, length, _ = states.shape
        score = self.score(states).float().masked_fill(~residues.unsqueeze(-1), torch.finfo(torch.float32).min)
        weight = score.softmax(dim=1)
        value = self.value(states).float().view(batch, length, self.heads, -1)
        pooled: Tensor = (weight.unsqueeze(-1) * value).sum(1).flatten(1)
        return pooled
