"""The batch of a step, a pure function of (seed, step): a resumed training sees what it would have seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rhoma.sequences import reverse_complement
from rhoma.shuffle import dinucleotide_shuffle
from rhoma.train.augment import decode, evolve, place, synthetic_ancestor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rhoma.train.config import TrainConfig
    from rhoma.train.data import Family


# members that a family's profile is the mean of, and families of other clans that count as near
_PROFILED = 20
_NEIGHBOURS = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Views with their labels: equal labels are positives; equal clans with other labels are clan-mates."""

    sequences: list[str]
    labels: NDArray[np.int64]
    clans: NDArray[np.int64]


def _profile(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the unit root counts of 4-mers, (256,)."""
    digits = codes[codes < 4].astype(np.int64)
    words = sum(digits[k : len(digits) - 3 + k] * 4**k for k in range(4))
    counts = np.sqrt(np.bincount(words, minlength=256).astype(np.float64))
    unit: NDArray[np.float64] = counts / max(float(np.linalg.norm(counts)), 1e-6)
    return unit


class Sampler:
    """Draws families evenly (not members), so that large families do not rule the loss."""

    def __init__(self, families: Sequence[Family], config: TrainConfig) -> None:
        self.families = families
        self.config = config
        names = {c: i for i, c in enumerate(sorted({f.clan for f in families}))}
        self.clans = np.array([names[f.clan] for f in families])
        self.folded = [(f, i) for f in families for i, p in enumerate(f.pairs) if p is not None and (p >= 0).any()]
        self._sketches: dict[int, NDArray[np.float32]] = {}

    def batch(self, step: int) -> Batch:
        """Return the batch of `step`; the same for the same seed, families and configuration."""
        config = self.config
        rng = np.random.default_rng([config.seed, step])
        count = min(config.families, len(self.families))
        chosen = self._families(count, rng)
        views: list[NDArray[np.uint8]] = []
        labels: list[int] = []
        clans: list[int] = []
        for label, index in enumerate(chosen):
            views += self._real(int(index), rng)
            labels += [label] * config.views
            clans += [int(self.clans[index])] * config.views
        own_clan = len(self.families)
        for number in range(config.synthetic if self.folded else 0):
            views += self._synthetic(rng)
            labels += [count + number] * config.views
            clans += [own_clan + number] * config.views
        sequences = [decode(v) for v in views]
        fresh = count + config.synthetic
        for number, source in enumerate(rng.integers(0, len(sequences), size=config.negatives)):
            original = sequences[source]
            # a shuffle keeps composition, an antisense keeps everything but the strand: neither is a positive
            negative = dinucleotide_shuffle(original, rng) if number % 2 else reverse_complement(original)
            sequences.append(negative)
            labels.append(fresh + number)
            clans.append(own_clan + fresh + number)
        return Batch(sequences, np.array(labels), np.array(clans))

    def _families(self, count: int, rng: np.random.Generator) -> list[int]:
        near = int(self.config.nearest * count)
        chosen = [int(index) for index in rng.choice(len(self.families), size=count - near, replace=False)]
        taken = set(chosen)
        while near:
            neighbours = self._neighbours[chosen[int(rng.integers(len(chosen)))]]
            free = [int(index) for index in neighbours if int(index) not in taken]
            # where all neighbours are there already, any other family serves
            pick = free[0] if free else next(i for i in map(int, rng.permutation(len(self.families))) if i not in taken)
            chosen.append(pick)
            taken.add(pick)
            near -= 1
        return chosen

    @cached_property
    def _neighbours(self) -> NDArray[np.int64]:
        """Return (families, k) the nearest families of other clans, nearest first, by mean root counts of 4-mers."""
        profiles = np.stack([np.mean([_profile(m) for m in f.members[:_PROFILED]], axis=0) for f in self.families])
        profiles -= profiles.mean(axis=0)
        profiles /= np.maximum(np.linalg.norm(profiles, axis=1, keepdims=True), 1e-6)
        similarity = profiles @ profiles.T
        similarity[self.clans[:, None] == self.clans[None, :]] = -np.inf
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :_NEIGHBOURS]
        # a family stands for a neighbour that it has not, where other clans are few
        own = np.arange(len(order))[:, None]
        return np.where(similarity[own, order] > -np.inf, order, own)

    def _real(self, index: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        family, config = self.families[index], self.config.augment
        members = self._members(index, rng)
        centre = float(rng.random())
        views = []
        for member in members:
            codes, pairs = family.members[member], family.pairs[member]
            if pairs is None:
                pairs = np.full(len(codes), -1, dtype=np.int32)
            # a lone member has to stand for its family, so it evolves further
            top = config.substitutions if len(set(members)) > 1 else config.synthetic_substitutions[1]
            rates = rng.gamma(config.rate_shape, 1 / config.rate_shape, size=len(codes))
            child = evolve(codes, pairs, rates, rng.uniform(0, top), config.indels, rng, config.transitions)
            views.append(place(child, centre, config, rng))
        return views

    def _members(self, index: int, rng: np.random.Generator) -> list[int]:
        size, views = len(self.families[index].members), self.config.views
        if size <= views:
            return [int(m) for m in rng.permutation(np.resize(np.arange(size), views))]
        if rng.random() >= self.config.hard:
            return [int(m) for m in rng.choice(size, size=views, replace=False)]
        candidates = rng.choice(size, size=min(size, 3 * views), replace=False)
        sketches = self._sketch(index)[candidates]
        similarity = sketches @ sketches.T
        picked = [0]
        while len(picked) < views:
            worst = similarity[:, picked].max(axis=1)
            worst[picked] = np.inf
            picked.append(int(worst.argmin()))
        return [int(candidates[p]) for p in picked]

    def _sketch(self, index: int) -> NDArray[np.float32]:
        """Return unit 6-mer presence vectors folded into 512 columns, (members, 512); made once a family."""
        if index not in self._sketches:
            rows = []
            for codes in self.families[index].members:
                digits = codes.astype(np.int64)
                words = sum(digits[k : len(digits) - 5 + k] * 4**k for k in range(6))
                row = np.zeros(512, dtype=np.float32)
                row[np.unique(words * 2654435761 % 4093 % 512)] = 1
                rows.append(row / max(float(np.linalg.norm(row)), 1e-6))
            self._sketches[index] = np.stack(rows)
        return self._sketches[index]

    def _synthetic(self, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        config = self.config.augment
        family, member = self.folded[int(rng.integers(len(self.folded)))]
        pairs = family.pairs[member]
        assert pairs is not None
        ancestor = synthetic_ancestor(pairs, rng)
        rates = rng.gamma(config.rate_shape, 1 / config.rate_shape, size=len(ancestor))
        distance = rng.uniform(*config.synthetic_substitutions)
        centre = float(rng.random())
        return [
            place(evolve(ancestor, pairs, rates, distance, config.indels, rng, config.transitions), centre, config, rng)
            for _ in range(self.config.views)
        ]
