"""The best k of many scores, by (score descending, row ascending)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Found = tuple[NDArray[np.float32], NDArray[np.int64]]

NO_ROW = -1
NO_SCORE = float("-inf")


def empty(queries: int, k: int) -> Found:
    """Returns (queries, k) scores and rows that say: nothing found."""
    return np.full((queries, k), NO_SCORE, dtype=np.float32), np.full((queries, k), NO_ROW, dtype=np.int64)


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Returns the places of the best min(k, n) of (n,) scores, by (score descending, place ascending).

    Where scores tie at the last place, the lowest places win. Places with a score of minus infinity never
    count.
    """
    if len(scores) > k:
        # minus infinity may be the k-th score itself, so it is taken out below, not here
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= kth)
    else:
        places = np.arange(len(scores), dtype=np.intp)
    places = places[scores[places] > NO_SCORE]
    return places[np.lexsort((places, -scores[places]))][:k]
