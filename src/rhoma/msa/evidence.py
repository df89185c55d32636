"""What speaks for two columns of an alignment being a base pair, and how probable that makes it.

Foldings of the rows together and of each alone, the pair that may stack on it, letters that can pair and their variety
are weighed by a logistic regression on seeds of Rfam (``benchmarks/consensus.py``). Covariation that is significant is
evidence of its own: such a pair is in the structure unless surer ones exclude it, as in CaCoFold (Rivas 2020, PLoS
Comput Biol 16:e1008387).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import as_cells
from rhoma.structure import CANONICAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# What the features of pairs weigh, and what is added to their sum.
WEIGHTS = {
    "common": 0.09,
    "alone": 0.14,
    "stacked_common": 0.12,
    "stacked_alone": 0.11,
    "canonical": 1.86,
    "variety": 0.81,
}
OFFSET = -3.34
# Pairs that neither folding finds so probable, and that do not covary, are none.
_CANDIDATE = 0.01
# The least probability of a pair that covaries, if any row can pair at all.
_COVARYING = 0.9
# Probabilities as logarithms of odds are cut here.
_SURE = 1e-4
_LOOP = 4


def candidates(
    common: NDArray[np.float64], alone: NDArray[np.float64], covarying: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the pairs of columns i < j that are weighed at all.

    Args:
        common: Base-pair probabilities of all rows folded together, symmetric, shape (columns, columns).
        alone: The mean of those of single rows, likewise.
        covarying: Pairs of columns that covary significantly.
    """
    able = np.triu((common > _CANDIDATE) | (alone > _CANDIDATE), _LOOP)
    for left, right in covarying:
        able[left, right] |= right - left >= _LOOP
    i, j = np.nonzero(able)
    return i, j


def features(
    rows: Sequence[str],
    common: NDArray[np.float64],
    alone: NDArray[np.float64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
) -> dict[str, NDArray[np.float64]]:
    """Returns what is known of pairs of columns (i, j) of an alignment, by the names of ``WEIGHTS``.

    ``common`` and ``alone`` are logarithms of odds, ``stacked_...`` those of the likelier one of the two pairs that may
    stack on it; ``canonical`` is the share of rows that can pair, of those with letters in both columns; ``variety``
    the entropy of their pairs of letters. ``common`` and ``alone`` are those of :func:`candidates`.
    """
    cells = as_cells(rows)
    # products of whole columns: of thousands of rows and pairs, one by one, they would take gigabytes
    of = {sign: (cells == sign).astype(np.float32) for sign in b"ACGU"}
    held = (cells != ord("-")).astype(np.float32)
    both = (held.T @ held)[i, j].astype(np.float64)
    codes = [pair.encode("ascii") for pair in sorted(CANONICAL)]
    counts = np.stack([(of[left].T @ of[right])[i, j] for left, right in codes]).astype(np.float64)
    share = counts / np.maximum(counts.sum(axis=0), 1)
    return {
        "common": _odds(common[i, j]),
        "alone": _odds(alone[i, j]),
        "stacked_common": _odds(_stacked(common, i, j)),
        "stacked_alone": _odds(_stacked(alone, i, j)),
        "canonical": counts.sum(axis=0) / np.maximum(both, 1),
        "variety": -(share * np.log(np.maximum(share, 1e-9))).sum(axis=0),
    }


def probable(
    rows: Sequence[str],
    common: NDArray[np.float64],
    alone: NDArray[np.float64],
    covarying: Sequence[tuple[int, int]] = (),
    weights: Mapping[str, float] = WEIGHTS,
    offset: float = OFFSET,
) -> NDArray[np.float64]:
    """Returns the probability of every pair of columns, symmetric, shape (columns, columns).

    Args:
        rows: Upper-case RNA with ``-``, all of one length.
        common: As for :func:`candidates`.
        alone: Likewise.
        covarying: Likewise.
        weights: Of the features.
        offset: What is added to their sum.
    """
    i, j = candidates(common, alone, covarying)
    known = features(rows, common, alone, i, j)
    total = offset + sum(weight * known[name] for name, weight in weights.items())
    found, able = np.zeros_like(common), np.zeros(common.shape, dtype=bool)
    found[i, j] = 1 / (1 + np.exp(-total))
    able[i, j] = known["canonical"] > 0
    for pair in covarying:
        if able[pair]:
            found[pair] = max(found[pair], _COVARYING)
    return found + found.T


def _odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns logarithms of odds."""
    cut = np.clip(probability, _SURE, 1 - _SURE)
    return np.asarray(np.log(cut / (1 - cut)))


def _stacked(matrix: NDArray[np.float64], i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the larger value of the pairs (i - 1, j + 1) and (i + 1, j - 1)."""
    padded = np.pad(matrix, 1)
    return np.maximum(padded[i, j + 2], padded[i + 2, j])
