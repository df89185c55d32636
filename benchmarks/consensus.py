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
from typing import TYPE_CHECKING, Any
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
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rhoma.rfam import Seed

_GAMMAS = (2.0, 3.0, 4.0, 5.0)


@dataclass(frozen=True, slots=True)
class Family:
    """The pairs of columns of an alignment that are weighed.

    Attributes:
        columns: Of the alignment.
        places: Left and right columns.
        features: Shape (pairs, features), in the order of ``evidence.WEIGHTS``.
        held: Rows with letters in both columns.
        true: Those of them whose letters pair in the curated structure.
        pairs: Base pairs of all rows in the curated structure.
    """

    columns: int
    places: tuple[NDArray[np.int64], NDArray[np.int64]]
    features: NDArray[np.float64]
    held: NDArray[np.float64]
    true: NDArray[np.float64]
    pairs: int

    def f1(self, probability: NDArray[np.float64], gamma: float) -> float:
        """Returns the base-pair F1 of the structure of these probabilities."""
        matrix = np.zeros((self.columns, self.columns))
        matrix[self.places] = probability
        number = {pair: n for n, pair in enumerate(zip(*(p.tolist() for p in self.places), strict=True))}
        pairs = consensus.without_lone(consensus.centroid(matrix + matrix.T, gamma))
        paired = [number[pair] for pair in pairs]
        return float(2 * self.true[paired].sum() / (self.pairs + self.held[paired].sum()))


def family(seed: Seed, rows: int) -> Family:
    """Returns the pairs of a seed, cut to so many rows."""
    reference = cut(whole(seed), rows)
    records = [Record(n, "", ungapped(row)) for n, row in zip(reference.names, reference.rows, strict=True)]
    weighed: list[tuple[Any, ...]] = []

    def probable(*known: Any) -> NDArray[np.float64]:
        weighed.append(known)
        return evidence.probable(*known)

    with patch.object(consensus, "probable", probable):
        made = build(first_alignment(records[0], records[1:]), BuildConfig(), name="seed").alignment
    # what the last structure was made of, which is the alignment's
    kept, common, alone, covarying = weighed[-1]
    columns = match_columns(made.rows)
    i, j = evidence.candidates(common, alone, covarying)
    known = evidence.features(kept, common, alone, i, j)
    true, held, pairs = np.zeros((len(columns),) * 2), np.zeros((len(columns),) * 2), 0
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
    features = np.stack([known[feature] for feature in evidence.WEIGHTS], axis=1)
    return Family(len(columns), (i, j), features, held[i, j], true[i, j], pairs)


def fit(families: Sequence[Family]) -> tuple[NDArray[np.float64], float]:
    """Returns weights and offset; every family counts as much as another, whatever its length."""
    features = np.concatenate([f.features for f in families])
    share = np.concatenate([f.true / np.maximum(f.held, 1) for f in families])
    # a family's curated pairs in all rows together count 1
    weight = np.concatenate([f.held / f.pairs for f in families])
    spread = features.std(axis=0)
    model = LogisticRegression(max_iter=1_000).fit(
        np.concatenate([features, features]) / spread,
        np.repeat([1, 0], len(features)),
        np.concatenate([weight * share, weight * (1 - share)]) * len(families) / weight.sum(),
    )
    return model.coef_[0] / spread, float(model.intercept_[0])


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
    weights, offset = fit([f for (name, _), some in found.items() if name == "train" for f in some if len(f.features)])
    now = np.array(list(evidence.WEIGHTS.values())), evidence.OFFSET
    for (name, rows), some in found.items():
        for label, (by, added) in (("now", now), ("new", (weights, offset))):
            probabilities = [1 / (1 + np.exp(-(f.features @ by + added))) for f in some]
            for gamma in _GAMMAS:
                mean = np.mean([f.f1(p, gamma) for f, p in zip(some, probabilities, strict=True)])
                print(name, rows, label, f"gamma {gamma:.0f}", f"F1 {mean:.3f}", sep="\t", flush=True)
    for feature, weight in zip(evidence.WEIGHTS, weights.tolist(), strict=True):
        print(f"{feature} {weight:.2f}")
    print(f"offset {offset:.2f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
