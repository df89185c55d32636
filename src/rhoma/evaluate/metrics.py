"""Figures of retrieval, from a ranked list and what is true.

A hit is *true* if its target is of the query's family, *ignored* if it is of a related family (the query's clan, or its
component in the split) or the query itself, and *false* otherwise (decoys have no family). Ignored hits leave the list
before anything is counted. Among equal scores false hits come first: a method gains nothing from ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import average_precision_score

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from rhoma.evaluate.ranking import RankedHit

RECALL_AT = (10, 100, 1000)
FIGURES = ("roc1", "map", "recall_10", "recall_100", "recall_1000", "precision", "recall", "f1")


@dataclass(frozen=True, slots=True)
class Truth:
    """What counts as true for one query.

    Attributes:
        query: its id; a target of this id is the query itself.
        family: its family.
        positives: ids of the other targets of the family.
        ignored: ids that are neither true nor false: the query and the families related to its own.
    """

    query: str
    family: str
    positives: frozenset[str]
    ignored: frozenset[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A ranked list after ignored hits have left it, best first, one entry a target.

    Attributes:
        true: (n,) whether the target is of the family.
        evalue: (n,) E-values, nan where the method has none.
        positives: how many targets there are to find.
    """

    true: NDArray[np.bool_]
    evalue: NDArray[np.float64]
    positives: int


def truth_of(
    query: str,
    labels: Mapping[str, tuple[str, str]],
    targets: Iterable[str],
    component_of: Mapping[str, str],
) -> Truth:
    """Returns what is true for a query among the targets of a database.

    Args:
        query: an id with a label.
        labels: id -> (family, clan or empty).
        targets: ids of the database; those without label are decoys.
        component_of: family -> its component of related families; a family that is missing is its own.
    """
    family, clan = labels[query]
    component = component_of.get(family, family)
    positives, ignored = set(), {query}
    for target in targets:
        if target == query or target not in labels:
            continue
        other, other_clan = labels[target]
        if other and other == family:
            positives.add(target)
        elif (clan and clan == other_clan) or component == component_of.get(other, other):
            ignored.add(target)
    return Truth(query, family, frozenset(positives), frozenset(ignored))


def judge(hits: Iterable[RankedHit], truth: Truth) -> Judged:
    """Returns the judged list of one query; of several hits to one target the best scored counts."""
    best: dict[str, RankedHit] = {}
    for hit in hits:
        known = best.get(hit.target)
        if hit.target not in truth.ignored and (known is None or hit.score > known.score):
            best[hit.target] = hit
    order = sorted(best.values(), key=lambda hit: (-hit.score, hit.target in truth.positives, hit.target))
    true = np.array([hit.target in truth.positives for hit in order], dtype=np.bool_)
    return Judged(true, np.array([hit.evalue for hit in order], dtype=np.float64), len(truth.positives))


def roc1(judged: Judged) -> float:
    """Returns the share of the family that is ranked above the first false hit."""
    false = np.flatnonzero(~judged.true)
    above = int(false[0]) if len(false) else len(judged.true)
    return above / judged.positives


def average_precision(judged: Judged) -> float:
    """Returns the mean over the family of the precision at each member's rank; members not found are 0."""
    found = int(judged.true.sum())
    if not found:
        return 0.0
    # the list is in its order, ties included
    ranks = np.arange(len(judged.true))
    return float(average_precision_score(judged.true, -ranks)) * found / judged.positives


def recall_at(judged: Judged, k: int) -> float:
    """Returns the share found among the first k, of what k places can hold (the family's size, at most k)."""
    return int(judged.true[:k].sum()) / min(judged.positives, k)


def at_evalue(judged: Judged, threshold: float) -> tuple[float, float, float]:
    """Returns precision, recall and F1 of the hits up to an E-value.

    Precision is nan where no hit is reported; all three are nan where the method gives no E-values.
    """
    if len(judged.evalue) and bool(np.isnan(judged.evalue).all()):
        return (np.nan, np.nan, np.nan)
    reported = judged.true[judged.evalue <= threshold]
    found = int(reported.sum())
    precision = found / len(reported) if len(reported) else np.nan
    recall = found / judged.positives
    return precision, recall, 2 * found / (len(reported) + judged.positives)


def figures(judged: Judged, threshold: float = 1e-3) -> dict[str, float]:
    """Returns every figure of one query, named as in ``FIGURES``.

    Args:
        judged: the list; the family has at least one other member.
        threshold: E-value for precision, recall and F1.
    """
    values = {"roc1": roc1(judged), "map": average_precision(judged)}
    values.update({f"recall_{k}": recall_at(judged, k) for k in RECALL_AT})
    values.update(zip(("precision", "recall", "f1"), at_evalue(judged, threshold), strict=True))
    return values


def mean(values: NDArray[np.float64]) -> float:
    """Returns the mean of what is not nan; nan where nothing is left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def interval(
    values: NDArray[np.float64], families: Sequence[str], *, seed: int = 1, samples: int = 2000
) -> tuple[float, float]:
    """Returns the 95 % percentile interval of the mean, families resampled with all their queries.

    Args:
        values: (n,) one a query; nan is left out.
        families: (n,) the query's family.
        seed: of the resampling.
        samples: number of resamplings.
    """
    known = ~np.isnan(values)
    if not known.any():
        return (float("nan"), float("nan"))
    kept = [family for family, keep in zip(families, known, strict=True) if keep]
    names, codes = np.unique(np.array(kept, dtype=object).astype(str), return_inverse=True)
    sums = np.bincount(codes, weights=values[known], minlength=len(names))
    counts = np.bincount(codes, minlength=len(names))
    drawn = np.random.default_rng(seed).integers(len(names), size=(samples, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
