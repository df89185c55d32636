"""E-values that refer to the whole database, whatever part of it was scored.

**Model scores.** HMMER's P-value of a score holds for one comparison of one model with one target. The
database is counted in targets of the length that is really compared, a padded window of ``unit``
nucleotides, on both strands::

    Z = 2 * pieces * sum_i max(1, length_i / unit)          E = Z * P

with the sum over every sequence of the database (exact copies counted as often as they are there) and
``pieces`` the number of models a long query was cut into. Neither the shortlist nor the segments of the
index enter.

**Vectors alone.** Dinucleotide-preserving shuffles of the query's windows are searched like these. Above a
cosine ``t`` the number of windows that a shuffle meets falls exponentially::

    E(c) = rate * exp(-decay * (c - t))       rate: windows above t a shuffle, times the query's windows
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rhoma.shuffle import dinucleotide_shuffle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


def database_size(
    lengths: NDArray[np.integer], unit: int, *, total_residues: int | None = None, pieces: int = 1
) -> float:
    """Returns Z, the number of comparisons that the whole database stands for.

    Args:
        lengths: (n,) lengths of the distinct sequences in nucleotides.
        unit: Length of a compared region in nucleotides, the window with its padding.
        total_residues: Nucleotides of the database with exact copies counted; default, no copies.
        pieces: Number of models the query was cut into.

    Returns:
        At least 2 (one target, both strands).
    """
    lengths = np.asarray(lengths, dtype=np.float64)
    distinct = float(lengths.sum())
    if distinct <= 0:
        return 2.0 * pieces
    targets = float(np.maximum(1.0, lengths / unit).sum())
    # copies are spread like the sequences they copy, to a good approximation
    copies = 1.0 if total_residues is None else max(1.0, total_residues / distinct)
    return max(2.0, 2.0 * targets * copies) * pieces


def evalue_of(log_pvalue: float, size: float) -> tuple[float, float]:
    """Returns (E-value, minus its decimal logarithm) of a P-value in a database of ``size`` comparisons.

    The logarithm stays exact where the E-value itself underflows to 0.
    """
    log_evalue = log_pvalue + math.log(size)
    return (math.exp(log_evalue) if log_evalue < 700 else math.inf), -log_evalue / math.log(10)


@dataclass(frozen=True, slots=True)
class CosineNull:
    """How many windows of the whole database a random sequence like the query meets above a cosine.

    Attributes:
        threshold: Cosine from which on the tail is described.
        rate: Windows of the whole database above ``threshold``, a shuffle.
        decay: Rate of the exponential tail.
    """

    threshold: float
    rate: float
    decay: float

    def log_evalue(self, cosine: float) -> float:
        """Returns the natural logarithm of the E-value of a cosine; below the threshold, that of the rate."""
        return math.log(self.rate) - self.decay * max(0.0, cosine - self.threshold)


def fit_null(scores: Sequence[NDArray[np.floating]]) -> CosineNull | None:
    """Returns the null fitted to the best cosines of shuffles.

    Args:
        scores: One array a shuffle, its best cosines in the whole database, in any order.

    Returns:
        None where there is nothing to fit (no shuffle, or no window at all).
    """
    ordered = [np.sort(np.asarray(s, dtype=np.float64))[::-1] for s in scores if len(s)]
    if not ordered:
        return None
    # below a shuffle's last cosine its list was cut, so counts are complete only above the highest such value
    threshold = max(float(s[-1]) for s in ordered)
    above = np.concatenate([s[s >= threshold] for s in ordered])
    excess = float((above - threshold).sum())
    # one pseudo-count of a hundredth keeps a tail of equal values finite
    decay = len(above) / (excess + 0.01)
    return CosineNull(threshold=threshold, rate=len(above) / len(ordered), decay=decay)


def shuffle_null(
    windows: Sequence[str],
    search: Callable[[list[str]], list[NDArray[np.floating]]],
    *,
    shuffles: int = 16,
    seed: int = 0,
) -> CosineNull | None:
    """Returns the null of dinucleotide-preserving shuffles of a query's windows.

    Args:
        windows: The query's windows; the null is that of all of them together.
        search: Returns the best cosines of each window, on either strand, in the whole database.
        shuffles: Number of shuffled windows, taken evenly from ``windows``.
        seed: Seed of the shuffles.
    """
    rng = np.random.default_rng(seed)
    count = len(windows)
    chosen = [windows[i * count // shuffles if count > shuffles else i % count] for i in range(shuffles)]
    null = fit_null(search([dinucleotide_shuffle(window, rng) for window in chosen]))
    return None if null is None else replace(null, rate=null.rate * count)
