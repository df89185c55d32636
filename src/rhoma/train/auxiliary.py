"""Auxiliary losses on the encoder's states: masked letters, and positions that alignments bring together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rhoma.errors import InputError
from rhoma.train.augment import decode
from rhoma.train.distributed import world
from rhoma.train.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rhoma.models.network import HomologyNetwork
    from rhoma.train.config import TrainConfig
    from rhoma.train.data import Family

_IGNORED = -100
_ANY = 4
_MASKED_SHARE = 0.15
_ALIGNED_TEMPERATURE = 0.1


def mask_letters(codes: NDArray[np.uint8], rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return letters with 15 % of the bases chosen, and for these what they were (-100 elsewhere).

    Of the chosen 80 % become N, 10 % a random base, 10 % stay (Devlin et al. 2019, as RNA-FM does).

    Args:
        codes: (n,) letter codes, 0 to 3 bases and 4 any other letter.
        rng: source of randomness.
    """
    chosen = (rng.random(len(codes)) < _MASKED_SHARE) & (codes < _ANY)
    targets = np.where(chosen, codes.astype(np.int64), _IGNORED)
    fate = rng.random(len(codes))
    masked = codes.copy()
    masked[chosen & (fate < 0.8)] = _ANY
    random = chosen & (fate >= 0.8) & (fate < 0.9)
    masked[random] = rng.integers(0, 4, int(random.sum()), dtype=np.uint8)
    return masked, targets


def aligned_positions(
    first: NDArray[np.int32], second: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of two aligned sequences that share a column, in order.

    Args:
        first: (n,) column of each position of one sequence, increasing.
        second: (m,) the same of the other.
    """
    _, left, right = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    return left, right


class Auxiliary(nn.Module):
    """The auxiliary losses of a training, and what they train beside the network.

    Attributes:
        values: the losses of the last step, by name, unweighted.
    """

    def __init__(self, hidden_size: int, families: Sequence[Family], config: TrainConfig) -> None:
        super().__init__()
        self.letters = nn.Linear(hidden_size, 4)
        self.families = families
        self.config = config
        self.alignable = [
            (index, rows)
            for index, family in enumerate(families)
            if len(rows := [m for m, columns in enumerate(family.columns) if columns is not None]) > 1
        ]
        if config.aligned and not self.alignable:
            raise InputError("no training family has an alignment of two sequences", remedy="use aligned: 0")
        self.values: dict[str, float] = {}

    def losses(self, network: HomologyNetwork, step: int) -> Callable[[], Tensor]:
        """Return a function that gives the weighted sum of the losses of `step`."""
        rank, ranks = world()
        rng = np.random.default_rng([self.config.seed, step, 7, rank])
        count = -(-self.config.auxiliary_views // ranks)

        def weighted() -> Tensor:
            total = torch.zeros((), device=self.letters.weight.device)
            for name, weight, loss in (
                ("masked", self.config.masked, self._masked),
                ("aligned", self.config.aligned, self._aligned),
            ):
                if weight:
                    value = loss(network, rng, count)
                    self.values[name] = float(value.detach())
                    total = total + weight * value
            return total

        return weighted

    def _masked(self, network: HomologyNetwork, rng: np.random.Generator, count: int) -> Tensor:
        sequences, targets = [], []
        for index in rng.integers(len(self.families), size=count):
            family = self.families[int(index)]
            codes = family.members[int(rng.integers(len(family.members)))]
            start = int(rng.integers(max(1, len(codes) - self.config.augment.window + 1)))
            masked, wanted = mask_letters(codes[start : start + self.config.augment.window], rng)
            sequences.append(decode(masked))
            targets.append(wanted)
        states, residues = self._states(network, sequences)
        wanted_all = torch.from_numpy(np.concatenate(targets)).to(states.device)
        chosen = wanted_all != _IGNORED
        # a sum, so that a draw without any chosen base gives 0 and not a division by 0
        loss = functional.cross_entropy(self.letters(states[residues][chosen]), wanted_all[chosen], reduction="sum")
        return loss / chosen.sum().clamp(min=1)

    def _aligned(self, network: HomologyNetwork, rng: np.random.Generator, count: int) -> Tensor:
        sequences, pairs = [], []
        for index in rng.integers(len(self.alignable), size=max(1, count // 2)):
            number, rows = self.alignable[int(index)]
            family = self.families[number]
            one, two = (int(r) for r in rng.choice(rows, size=2, replace=False))
            columns = [family.columns[one], family.columns[two]]
            assert columns[0] is not None
            assert columns[1] is not None
            window = self.config.augment.window
            start = int(rng.integers(max(1, len(columns[0]) - window + 1)))
            low = int(columns[0][start])
            cuts = [slice(int(np.searchsorted(c, low)), None) for c in columns if c is not None]
            left, right = aligned_positions(columns[0][cuts[0]][:window], columns[1][cuts[1]][:window])
            if len(left) < 2:
                continue
            for member, cut in zip((one, two), cuts, strict=True):
                sequences.append(decode(family.members[member][cut][:window]))
            pairs.append((left, right))
        if not pairs:
            return self.letters.weight.sum() * 0
        states, residues = self._states(network, sequences)
        losses = []
        for number, (left, right) in enumerate(pairs):
            one_states, two_states = (
                functional.normalize(states[row][residues[row]], dim=-1) for row in (2 * number, 2 * number + 1)
            )
            scores = one_states @ two_states.T / _ALIGNED_TEMPERATURE
            here, there = (torch.from_numpy(x).to(states.device) for x in (left, right))
            losses.append(functional.cross_entropy(scores[here], there))
            losses.append(functional.cross_entropy(scores.T[there], here))
        return torch.stack(losses).mean()

    def _states(self, network: HomologyNetwork, sequences: list[str]) -> tuple[Tensor, Tensor]:
        device = self.letters.weight.device
        batch = network.encoder.tokenize(sequences).to(device)
        with autocast(device, self.config.precision):
            states = network.encoder.encode(batch)
        return states.float(), batch.residues
