"""Losses that know clans: supervised contrastive, and of ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing import Literal

    Clan = Literal["ignore", "positive", "negative"]

# strangers above a relative from which on the loss of ranks grows as their logarithm
_FEW = 0.1


def related(labels: Tensor, clans: Tensor, clan: Clan) -> tuple[Tensor, Tensor]:
    """Return which pairs are positive and which negative, each (n, n) bool.

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
    return positive & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device), negative


class HomologyLoss(nn.Module):
    """SupCon (Khosla et al. 2020) of pytorch-metric-learning over the pairs of `related`."""

    def __init__(self, temperature: float, clan: Clan) -> None:
        super().__init__()
        self.contrast = SupConLoss(temperature=temperature)
        self.clan: Clan = clan

    def forward(self, vectors: Tensor, labels: Tensor, clans: Tensor) -> Tensor:
        """Return the scalar loss of `vectors` (n, d); views without a positive only serve as negatives."""
        positive, negative = related(labels, clans, self.clan)
        loss: Tensor = self.contrast(vectors, labels, (*torch.where(positive), *torch.where(negative)))
        return loss


class RankLoss(nn.Module):
    """How far down the list of a view its relatives stand: what a search loses by.

    The mean over positive pairs of log(1 + 10 n), where n counts the negatives that score higher than the positive,
    each by a sigmoid of the cosines' difference (as SmoothAP does, Brown et al. 2020). A contrastive loss goes on
    pulling at pairs that rank first already; this one leaves them.
    """

    def __init__(self, width: float, clan: Clan) -> None:
        super().__init__()
        self.width = width
        self.clan: Clan = clan

    def forward(self, vectors: Tensor, labels: Tensor, clans: Tensor) -> Tensor:
        """Return the scalar loss of unit `vectors` (n, d); views without a positive only serve as negatives."""
        positive, negative = related(labels, clans, self.clan)
        anchor, relative = torch.where(positive)
        cosines = vectors @ vectors.T
        above = torch.sigmoid((cosines[anchor] - cosines[anchor, relative][:, None]) / self.width)
        count = (above * negative[anchor]).sum(dim=1)
        # a sum over no pairs is zero, and has a gradient
        return torch.log1p(count / _FEW).sum() / max(1, len(anchor))


def make_loss(kind: Literal["contrastive", "ranks"], temperature: float, clan: Clan) -> HomologyLoss | RankLoss:
    """Return the loss of this kind; the temperature of `ranks` is the width of its sigmoids."""
    return (RankLoss if kind == "ranks" else HomologyLoss)(temperature, clan)
