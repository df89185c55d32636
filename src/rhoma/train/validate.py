"""Validation as the search uses vectors: windows of flanked members of families that training never sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from rhoma.errors import InputError
from rhoma.kmers import KmerVectors, count_kmers, unit_rows
from rhoma.shuffle import dinucleotide_shuffle
from rhoma.train.augment import decode, encode
from rhoma.train.loop import embed_views
from rhoma.windows import tile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from rhoma.models.encoders.protocol import TokenBatch
    from rhoma.models.network import HomologyNetwork
    from rhoma.train.data import Family

# shortest flank and the end of the longest
FLANKS = (30, 150)


def embed_sequences(
    network: HomologyNetwork, sequences: Sequence[str], forward: Callable[[TokenBatch], Tensor], *, batch: int = 128
) -> NDArray[np.float32]:
    """Return unit vectors (n, d) in the order given; sequences of like length share a batch.

    Args:
        network: makes the tokens.
        sequences: upper-case RNA.
        forward: from tokens to vectors: the network itself, or a part of it.
        batch: sequences a pass.
    """
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    parts = []
    with torch.no_grad():
        for start in range(0, len(order), batch):
            rows = [sequences[i] for i in order[start : start + batch]]
            parts.append(embed_views(network, rows, "auto", forward).cpu().numpy())
    out = np.empty((len(order), parts[0].shape[1]), dtype=np.float32)
    out[order] = np.concatenate(parts)
    return out


class Validation:
    """Queries and targets, made once; calling it gives the figures of a network.

    Each family's longest member is a query; up to `per_family` others, none of them close to another, are
    targets, inside random flanks of their own composition, among `negatives` of training families and `decoys`
    dinucleotide shuffles of each. A target's score is its best pair of windows.

    Raises:
        InputError: no family has two members that differ.
    """

    def __init__(
        self,
        families: Sequence[Family],
        negatives: Sequence[Family],
        *,
        window: int,
        stride: int,
        per_family: int = 10,
        background: int = 1500,
        flanks: tuple[int, int] = FLANKS,
        decoys: int = 0,
        seed: int = 7,
    ) -> None:
        rng = np.random.default_rng(seed)
        queries: list[str] = []
        targets: list[str] = []
        query_family: list[int] = []
        target_family: list[int] = []
        self.clans = [f.clan for f in families]
        for number, family in enumerate(families):
            members = _distinct(sorted(family.members, key=len, reverse=True), per_family + 1)
            if len(members) < 2:
                continue
            queries.append(decode(members[0]))
            query_family.append(number)
            for member in members[1:]:
                targets.append(flanked(member, rng, flanks))
                target_family.append(number)
                for _ in range(decoys):
                    targets.append(flanked(encode(dinucleotide_shuffle(decode(member), rng)), rng, flanks))
                    target_family.append(-1)
        if not queries:
            raise InputError("no validation family has two members that differ: there is nothing to retrieve")
        for _ in range(background):
            family = negatives[int(rng.integers(len(negatives)))]
            targets.append(flanked(family.members[int(rng.integers(len(family.members)))], rng, flanks))
            target_family.append(-1)
        self.query_family, self.target_family = np.array(query_family), np.array(target_family)
        self.query_windows, self.query_of = _windows(queries, window, stride)
        self.target_windows, self.target_of = _windows(targets, window, stride)
        self.words = self._best(KmerVectors.of(self.target_windows).cosines(self.query_windows))

    def __call__(self, network: HomologyNetwork) -> dict[str, float]:
        """Return mean average precision and recall at 10, 100 and 1,000 of vectors, 7-mers, and their sum.

        `score`, which selects the model, is the mean of average precision and recall at 100 of the vectors alone: what
        they are worth as a ranking, and as a list that is scored by other means.
        """
        figures = {name: float(values.mean()) for name, values in self.by_query(network).items()}
        figures["score"] = (figures["learned_map"] + figures["learned_recall100"]) / 2
        return figures

    def by_query(self, network: HomologyNetwork) -> dict[str, NDArray[np.float64]]:
        """Return the same figures without the score, each as an array (queries,)."""
        query, target = (embed_sequences(network, w, network) for w in (self.query_windows, self.target_windows))
        return self.measure(query, target)

    def measure(self, query: NDArray[np.float32], target: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return what `by_query` returns for unit vectors (n, d) of `query_windows` and `target_windows`."""
        learned = self._best(query @ target.T)
        figures: dict[str, NDArray[np.float64]] = {}
        for name, scores in (
            ("learned", learned),
            ("words", self.words),
            ("both", self.words + 0.5 * learned),
        ):
            figures |= {f"{name}_{key}": value for key, value in self._figures(scores).items()}
        return figures

    def _best(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = np.flatnonzero(np.r_[True, np.diff(self.target_of) > 0])
        by_target = np.maximum.reduceat(scores, starts, axis=1)
        starts = np.flatnonzero(np.r_[True, np.diff(self.query_of) > 0])
        best: NDArray[np.float32] = np.maximum.reduceat(by_target, starts, axis=0)
        return best

    def _figures(self, scores: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        clans = np.array([*self.clans, ""])
        rows = []
        for family, score in zip(self.query_family, scores, strict=True):
            true = self.target_family == family
            keep = true | (clans[self.target_family] != self.clans[family])
            found = np.cumsum(true[keep][np.argsort(-score[keep], kind="stable")])
            precision = average_precision_score(true[keep], score[keep])
            at10, at100, at1000 = (found[min(k, len(found)) - 1] for k in (10, 100, 1000))
            rows.append((precision, at10 / min(found[-1], 10), at100 / found[-1], at1000 / found[-1]))
        return dict(zip(("map", "recall10", "recall100", "recall1000"), np.array(rows).T, strict=True))


def _distinct(members: list[NDArray[np.uint8]], most: int, similar: float = 0.3) -> list[NDArray[np.uint8]]:
    """Return the first `most` members with a 7-mer cosine below `similar` (about 80 %) to every earlier one."""
    words = unit_rows(count_kmers([decode(m) for m in members[:400]]))
    cosine = (words @ words.T).toarray()
    kept: list[int] = []
    for member in range(len(cosine)):
        if len(kept) < most and (cosine[member, kept] < similar).all():
            kept.append(member)
    return [members[k] for k in kept]


def flanked(codes: NDArray[np.uint8], rng: np.random.Generator, flanks: tuple[int, int] = FLANKS) -> str:
    """Return the sequence between random flanks of so many nt each (the end not counted), of its own composition."""
    composition = np.bincount(codes[codes < 4], minlength=4) + 1.0
    left, right = (
        rng.choice(4, size=int(rng.integers(*flanks)), p=composition / composition.sum()).astype(np.uint8)
        for _ in range(2)
    )
    return decode(np.concatenate([left, codes, right]))


def _windows(sequences: Sequence[str], window: int, stride: int) -> tuple[list[str], NDArray[np.int64]]:
    tiles = tile([len(s) for s in sequences], window, stride)
    cut = [sequences[s][a:b] for s, a, b in zip(tiles.sequence, tiles.start, tiles.end, strict=True)]
    return cut, tiles.sequence.astype(np.int64)
