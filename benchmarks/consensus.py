"""What speaks for two columns being a base pair: the weights of :mod:`rhoma.msa.evidence`, fitted to seeds.

    python benchmarks/consensus.py --rfam DIR --split assets/encoder/split.tsv

Seeds of training families (those of ``--split``) are cut to so many rows (``--rows``, several times), aligned as
``query align`` does, and all pairs of columns that are weighed at all are told apart by a logistic regression: a pair
of columns is as true as the share of its rows, of those with letters in both, whose letters the curated structure
pairs. Prints the mean base-pair F1 over families of the training and the validation part, as folded now and by the new
weights with several gammas, and the weights, which go into the module by hand.
"""

from __future__ import annotations

import argparse
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
from alignment import chosen, cut, whole
from sklearn.linear_model import LogisticRegression

from rhoma.alignment import ungapped
from rhoma.evaluate.splits import read_split
from rhoma.msa import consensus, evidence
from rhoma.msa.build import BuildConfig, build
from rhoma.msa.first import first_alignment
from rhoma.sequences import Record
from rhoma.structure import match_columns, pair_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rhoma.rfam import Seed

    Weighed = tuple[Sequence[str], NDArray[np.float64], NDArray[np.float64], Sequence[tuple[int, int]]]

_GAMMAS = (2.0, 3.0, 4.0, 5.0)


@dataclass(frozen=True, slots=True)
class Family:
    """An alignment, what speaks for its pairs of columns, and which are true.

    Attributes:
        weighed: Rows, both foldings and the pairs that covary, as :func:`rhoma.msa.evidence.probable` takes them.
        held: Rows with letters in both columns, shape (columns, columns).
        true: Those of them whose letters pair in the curated structure, left column first.
        pairs: Base pairs of all rows in the curated structure.
    """

    weighed: Weighed
    held: NDArray[np.float32]
    true: NDArray[np.float32]
    pairs: int

    def f1(self, weights: Mapping[str, float], offset: float, gamma: float) -> float:
        """Returns the base-pair F1 of the structure that these weights make."""
        *_, covarying = self.weighed
        pairs = consensus.centroid(evidence.probable(*self.weighed, weights=weights, offset=offset), gamma)
        paired = tuple(np.array(consensus.without_lone(pairs, covarying), dtype=np.int64).reshape(-1, 2).T)
        return float(2 * self.true[paired].sum() / (self.pairs + self.held[paired].sum()))


def family(seed: Seed, rows: int) -> Family:
    """Returns the pairs of a seed, cut to so many rows."""
    reference = cut(whole(seed), rows)
    records = [Record(n, "", ungapped(row)) for n, row in zip(reference.names, reference.rows, strict=True)]
    weighed: list[Weighed] = []

    def probable(*known: *Weighed) -> NDArray[np.float64]:
        weighed.append(known)
        return evidence.probable(*known)

    with patch.object(consensus, "probable", probable):
        made = build(first_alignment(records[0], records[1:]), BuildConfig(), name="seed").alignment
    columns = match_columns(made.rows)
    (true, held), pairs = np.zeros((2, len(columns), len(columns)), dtype=np.float32), 0
    for name, row in zip(made.names, made.rows, strict=True):
        # the column of every letter, -1 where it is an insertion
        place = np.full(len(row), -1)
        place[columns] = np.arange(len(columns))
        place = place[[n for n, sign in enumerate(row) if sign != "-"]]
        inside = place[place >= 0]
        held[np.ix_(inside, inside)] += 1
        other = reference.rows[reference.names.index(name)]
        letter = np.cumsum([sign not in "-." for sign in other]) - 1
        for left, right in pair_table(reference.ss_cons):
            if other[left] not in "-." and other[right] not in "-.":
                pairs += 1
                a, b = place[letter[left]], place[letter[right]]
                if a >= 0 and b >= 0:
                    true[a, b] += 1
    # what the last structure was made of, which is the alignment's
    return Family(weighed[-1], held, true, pairs)


def fit(families: Sequence[Family]) -> tuple[dict[str, float], float]:
    """Returns weights and offset; every family counts as much as another, whatever its length."""
    features, shares, counts = [], [], []
    for own in families:
        i, j = evidence.candidates(*own.weighed[1:])
        known = evidence.features(*own.weighed[:3], i=i, j=j)
        features.append(np.stack([known[name] for name in evidence.WEIGHTS], axis=1))
        shares.append(own.true[i, j] / np.maximum(own.held[i, j], 1))
        # a family's curated pairs in all rows together count 1
        counts.append(own.held[i, j] / own.pairs)
    columns, share, count = (np.concatenate(parts) for parts in (features, shares, counts))
    spread = columns.std(axis=0)
    model = LogisticRegression(max_iter=1_000).fit(
        np.concatenate([columns, columns]) / spread,
        np.repeat([1, 0], len(columns)),
        np.concatenate([count * share, count * (1 - share)]) * len(families) / count.sum(),
    )
    return dict(zip(evidence.WEIGHTS, (model.coef_[0] / spread).tolist(), strict=True)), float(model.intercept_[0])


def main() -> None:
    """Fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--families", type=int, default=220, help="of the training part, for each number of rows")
    parser.add_argument("--longest", type=int, default=250, help="median length of a seed's rows")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    part = {row.family: row.split for row in read_split(args.split)}
    found: dict[tuple[str, int], list[Family]] = {}
    with ProcessPoolExecutor(args.threads, get_context("spawn")) as pool:
        for rows in args.rows:
            seeds = [s for s in chosen(args.rfam, 10**6, rows, args.longest) if "(" in whole(s).ss_cons]
            for name in ("train", "validation"):
                own = [seed for seed in seeds if part.get(seed.accession) == name]
                count = min(args.families, len(own))
                own = [own[n] for n in np.linspace(0, len(own) - 1, count).round().astype(int)]
                found[name, rows] = list(pool.map(partial(family, rows=rows), own, chunksize=4))
                print(f"{count} seeds of {rows} rows, {name}", flush=True)
    weights, offset = fit([f for (name, _), some in found.items() if name == "train" for f in some])
    for (name, rows), some in found.items():
        for label, numbers in (("now", (evidence.WEIGHTS, evidence.OFFSET)), ("new", (weights, offset))):
            for gamma in _GAMMAS:
                mean = np.mean([f.f1(*numbers, gamma) for f in some])
                print(name, rows, label, f"gamma {gamma:.0f}", f"F1 {mean:.3f}", sep="\t", flush=True)
    for feature, weight in weights.items():
        print(f"{feature} {weight:.2f}")
    print(f"offset {offset:.2f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
