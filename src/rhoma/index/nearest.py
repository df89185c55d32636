"""The nearest rows over all segments of an index: a list of candidates, then their exact cosines.

The list holds every live row whose score in the vector index is above that of the ``wanted``-th over all segments
together. So it does not depend on how the rows are spread over segments, and neither does the answer, where
the segments' scores are comparable (``flat``, ``pq``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from rhoma.index import topk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rhoma.index.protocol import Near, VectorIndex
    from rhoma.index.rows import Rows
    from rhoma.index.topk import Found

# queries whose lists are in memory at once
_QUERIES = 64
# A list without k rows above its last score is made again, so much longer.
_LONGER = 4
# Where only rows from some cosine on are asked for, candidates are compared so many at a time, the best first, until
# fewer than a share of them is one.
_STEP, _SHARE = 512, 1 / 64


@dataclass(frozen=True)
class Part:
    """A segment as it is searched.

    Attributes:
        first: number of its first row in the whole index.
        rows: its stored rows.
        index: what finds candidates among them.
        alive: (n,) rows that may be found; None where all may.
    """

    first: int
    rows: Rows
    index: VectorIndex
    alive: NDArray[np.bool_] | None = None


def search(parts: Sequence[Part], queries: NDArray[np.float32], k: int, floor: float = topk.NO_SCORE) -> Found:
    """Returns the best k rows of each query by exact cosine.

    Args:
        parts: the segments, in the order of their rows.
        queries: (m, d) float32 unit rows.
        k: results a query, at least 1.
        floor: rows of lower cosines are left out, which saves most of the comparisons where few are higher.

    Returns:
        (m, k) float32 cosines and (m, k) int64 rows, by (cosine descending, row ascending); -inf and -1 where
        there are fewer than k.
    """
    found = topk.empty(len(queries), k)
    kinds = [list(group) for _, group in groupby(sorted(parts, key=_kind), _kind)]
    for start in range(0, len(queries), _QUERIES):
        block = queries[start : start + _QUERIES]
        lists = [_candidates(group, block, k, floor) for group in kinds]
        for number, query in enumerate(block):
            compared = [_compared(parts, query, candidates[number], floor) for candidates in lists]
            rows = np.concatenate([_NONE, *(rows for _, rows in compared)])
            cosines = np.concatenate([np.empty(0, dtype=np.float32), *(cosines for cosines, _ in compared)])
            order = np.argsort(rows)
            rows, cosines = rows[order], cosines[order]
            places = topk.best(cosines, k)
            found[0][start + number, : len(places)] = cosines[places]
            found[1][start + number, : len(places)] = rows[places]
    return found


_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class _Candidates:
    """Live rows to look at, and their scores in the vector index; None where it has not compared them."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32] | None


def _compared(parts: Sequence[Part], query: NDArray[np.float32], candidates: _Candidates, floor: float) -> Near:
    """Returns the exact cosines from the floor on, and their rows."""
    rows = candidates.rows
    if floor == topk.NO_SCORE or candidates.scores is None:
        rows = np.sort(rows)
        return _from(floor, _cosines(parts, query, rows), rows)
    # rows of equal scores go together, so that the order of segments says nothing
    scores, levels = candidates.scores, np.sort(candidates.scores)[::-1]
    found: list[Near] = []
    last = np.inf
    for rank in range(_STEP - 1, len(levels) + _STEP - 1, _STEP):
        level = levels[min(rank, len(levels) - 1)]
        chosen = np.sort(rows[(scores >= level) & (scores < last)])
        last = level
        found.append(_from(floor, _cosines(parts, query, chosen), chosen))
        if len(found[-1][1]) < _SHARE * len(chosen):
            break
    cosines = np.concatenate([np.empty(0, dtype=np.float32), *(cosines for cosines, _ in found)])
    return cosines, np.concatenate([_NONE, *(rows for _, rows in found)])


def _from(floor: float, cosines: NDArray[np.float32], rows: NDArray[np.int64]) -> Near:
    kept = cosines >= floor
    return cosines[kept], rows[kept]


def _kind(part: Part) -> str:
    return part.index.kind


def _cosines(parts: Sequence[Part], query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Returns the exact cosines of ascending rows."""
    ends = np.searchsorted(rows, [part.first + len(part.rows) for part in parts])
    starts = [0, *ends.tolist()]
    cosines = [
        part.rows.cosines(query, rows[start:end] - part.first)
        for part, start, end in zip(parts, starts, ends.tolist(), strict=False)
    ]
    return np.concatenate([np.empty(0, dtype=np.float32), *cosines])


def _candidates(parts: Sequence[Part], queries: NDArray[np.float32], k: int, floor: float) -> list[_Candidates]:
    """Returns, for each query, the live rows to look at, of segments of one kind."""
    total = sum(len(part.index) for part in parts)
    live = sum(len(part.index) if part.alive is None else int(part.alive.sum()) for part in parts)
    chosen = [_Candidates(_NONE, None)] * len(queries)
    if not live:
        return chosen
    # dead rows are met like any other
    count = -(-max(part.index.wanted(k, total) for part in parts) * total // live)
    pending = np.arange(len(queries))
    while len(pending):
        if count >= total and not (floor > topk.NO_SCORE and parts[0].index.exhaustive):
            everything = _Candidates(np.concatenate([_live_rows(part) for part in parts]), None)
            for number in pending.tolist():
                chosen[number] = everything
            break
        lists = [part.index.nearest(queries[pending], min(count, len(part.index))) for part in parts]
        again = []
        for place, number in enumerate(pending.tolist()):
            above, sure = _above(parts, [found[place] for found in lists], count)
            if sure is None or sure >= k:
                chosen[number] = above
            else:
                again.append(number)
        pending = np.array(again, dtype=np.int64)
        count *= _LONGER
    return chosen


def _live_rows(part: Part) -> NDArray[np.int64]:
    rows = np.arange(len(part.rows)) if part.alive is None else np.flatnonzero(part.alive)
    return rows.astype(np.int64) + part.first


def _above(parts: Sequence[Part], lists: Sequence[Near], count: int) -> tuple[_Candidates, int | None]:
    """Returns the live rows above the score of rank ``count``.

    Returns:
        these, and how many of them are surely above all that are left out; None where none is left out.
    """
    cuts = [
        topk.NO_SCORE if len(scores) < min(count, len(part.index)) or len(scores) == len(part.index) else scores[-1]
        for part, (scores, _) in zip(parts, lists, strict=True)
    ]
    everything = np.concatenate([scores for scores, _ in lists])
    if len(everything) > count:
        cuts.append(np.partition(everything, len(everything) - count)[len(everything) - count])
    cut = max(cuts)
    kept, values, sure = [], [], 0
    for part, (scores, rows) in zip(parts, lists, strict=True):
        above = scores > cut
        if part.alive is not None:
            above &= part.alive[rows]
        kept.append(rows[above] + part.first)
        values.append(scores[above])
        sure += int((scores[above] > cut + part.index.tolerance).sum())
    candidates = _Candidates(np.concatenate(kept), np.concatenate(values))
    return candidates, None if cut == topk.NO_SCORE else sure
