"""Supervised contrastive loss that knows clans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing import Literal


def related_pairs(
    labels: Tensor, clans: Tensor, clan: Literal["ignore", "positive", "negative"]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return index tensors (anchor, positive, anchor, negative) of all pairs that count.

    Pairs of one label are positive, pairs of different clans negative; pairs of one clan with different
    labels are clan-mates, which are related: left out (`ignore`), `positive`, or, as the founding paper has
    it, `negative`.

    Args:
        labels: (n,) int64.
        clans: (n,) int64; equal labels have equal clans.
        clan: what clan-mates are.
    """
    same = labels[:, None] == labels[None, :]
    mates = (clans[:, None] == clans[None, :]) & ~same
    positive = same | mates if clan == "positive" else same
    negative = ~same if clan == "negative" else ~(same | mates)
    positive = positive & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    first, alike = torch.where(positive)
    second, unlike = torch.where(negative)
    return first, alike, second, unlike


class HomologyLoss(nn.Module):
    """SupCon (Khosla et al. 2020) of pytorch-metric-learning over the pairs of `related_pairs`."""

    def __init__(self, temperature: float, clan: Literal["ignore", "positive", "negative"]) -> None:
        super().__init__()
        self.contrast = SupConLoss(temperature=temperature)
        self.clan: Literal["ignore", "positive", "negative"] = clan

    def forward(self, vectors: Tensor, labels: Tensor, clans: Tensor) -> Tensor:
        """Return the scalar loss of `vectors` (n, d); views without a positive only serve as negatives."""
        loss: Tensor = self.contrast(vectors, labels, related_pairs(labels, clans, self.clan))
        return loss
