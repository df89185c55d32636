"""The best k of many scores, by (score descending, row ascending), and the merging of such lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Found = tuple[NDArray[np.float32], NDArray[np.int64]]

NO_ROW = -1
NO_SCORE = float("-inf")
_SAMPLE = 4096


def empty(queries: int, k: int) -> Found:
    """Returns (queries, k) scores and rows that say: nothing found."""
    return np.full((queries, k), NO_SCORE, dtype=np.float32), np.full((queries, k), NO_ROW, dtype=np.int64)


def _preselect(scores: NDArray[np.float32], k: int) -> NDArray[np.intp] | None:
    """Returns places that surely hold the best k, or None; the threshold is guessed from every n-th score."""
    step = len(scores) // _SAMPLE
    if step < 4 or k * 8 > len(scores):
        return None
    sample = scores[::step]
    rank = min(len(sample) - 1, 2 * (k // step) + 16)
    threshold = np.partition(sample, len(sample) - 1 - rank)[len(sample) - 1 - rank]
    places = np.flatnonzero(scores >= threshold)
    return places if len(places) >= k else None


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Returns the places of the best min(k, n) of (n,) scores, by (score descending, place ascending).

    Where scores tie at the last place, the lowest places win. Places with a score of minus infinity never
    count.
    """
    places = _preselect(scores, k)
    if places is None:
        places = np.flatnonzero(scores > NO_SCORE)
    values = scores[places]
    if len(places) > k:
        kth = np.partition(values, len(values) - k)[len(values) - k]
        above = places[values > kth]
        level = places[values == kth][: k - len(above)]
        places = np.concatenate([above, level])
        values = scores[places]
    return places[np.lexsort((places, -values))]


def merge(found: Sequence[Found], k: int) -> Found:
    """Returns the best k of several lists for the same queries, by (score descending, row ascending).

    Args:
        found: (m, any) scores and rows; rows of -1 are no results.
        k: columns of the result, filled up with -1.
    """
    scores = np.concatenate([part[0] for part in found], axis=1)
    rows = np.concatenate([part[1] for part in found], axis=1)
    scores = np.where(rows == NO_ROW, np.float32(NO_SCORE), scores)
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    out = empty(len(scores), k)
    width = order.shape[1]
    out[0][:, :width] = np.take_along_axis(scores, order, axis=1)
    out[1][:, :width] = np.take_along_axis(rows, order, axis=1)
    return out
