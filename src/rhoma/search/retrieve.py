"""The list of windows that are worth scoring, and how lists become one.

A *candidate* is a window together with the strand on which it is like the query, numbered ``2 * row +
minus``. The list keeps the best cosine of each candidate over all query windows and over all homologs that
became queries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rhoma.sequences import reverse_complement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rhoma.search.database import SearchableIndex

    Found = tuple[NDArray[np.float32], NDArray[np.int64]]

# Constant of reciprocal rank fusion: ranks far below it count alike. The usual 60 lets the middle of a weak list
# outvote the top of a strong one (docs/decisions.md).
FUSION = 10.0


@dataclass
class RankedList:
    """Best score of each candidate that one kind of evidence has met.

    Attributes:
        candidates: (n,) distinct candidates, by falling score, then by number.
        scores: (n,) their best scores.
    """

    candidates: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    scores: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))

    def add(self, found: Found, minus: int) -> None:
        """Takes in the answer of an index.

        Args:
            found: Scores and rows, (m, k) each, row -1 where there is none.
            minus: 1 where the queries read as the reverse complement of the query, else 0.
        """
        scores, rows = found
        # half-precision rows are of unit length but for their last digit
        keep = rows.ravel() >= 0
        candidates = np.concatenate([self.candidates, rows.ravel()[keep] * 2 + minus])
        values = np.concatenate([self.scores, np.minimum(scores.ravel()[keep], 1.0).astype(np.float32)])
        order = np.lexsort((-values, candidates))
        candidates, values = candidates[order], values[order]
        first = np.ones(len(candidates), dtype=bool)
        first[1:] = candidates[1:] != candidates[:-1]
        candidates, values = candidates[first], values[first]
        order = np.lexsort((candidates, -values))
        self.candidates, self.scores = candidates[order], values[order]

    def top(self, count: int) -> NDArray[np.int64]:
        """Returns the best candidates, best first."""
        return self.candidates[:count]

    def best(self) -> dict[int, float]:
        """Returns the best score by candidate."""
        return dict(zip(self.candidates.tolist(), self.scores.tolist(), strict=True))


def fuse(lists: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns the union of ranked lists and its scores by reciprocal rank fusion, best first, ties by number.

    Args:
        lists: Distinct candidates, best first, of each list.
    """
    if not any(len(ranked) for ranked in lists):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
    everything = np.concatenate(lists)
    points = np.concatenate([1 / (FUSION + 1 + np.arange(len(ranked))) for ranked in lists])
    union, where = np.unique(everything, return_inverse=True)
    scores = np.bincount(where, weights=points, minlength=len(union))
    order = np.lexsort((union, -scores))
    return union[order], scores[order].astype(np.float64)


@dataclass
class Retrieval:
    """The list of one query (or of one piece of it), growing with every round.

    Attributes:
        index: Where to look.
        count: Windows that vectors may bring on each strand.
        list: Candidates by cosine.
    """

    index: SearchableIndex
    count: int
    list: RankedList = field(default_factory=RankedList)

    def by_vectors(self, vectors: NDArray[np.float32], minus: int) -> None:
        """Searches vectors, (m, d) unit rows; ``minus`` is 1 for those of the reverse complement."""
        if len(vectors):
            self.list.add(self.index.search(vectors, self._k()), minus)

    def shortlist(self) -> NDArray[np.int64]:
        """Returns the best candidates, best first."""
        return self.list.top(2 * self.count)

    def _k(self) -> int:
        return min(self.count, max(1, self.index.n_windows))


def query_windows(sequence: str, window: int, stride: int) -> list[str]:
    """Returns the windows of a query in their order."""
    from rhoma.windows import tile

    table = tile([len(sequence)], window, stride)
    return [sequence[s:e] for s, e in zip(table.start.tolist(), table.end.tolist(), strict=True)]


def window_cosines(
    index: SearchableIndex,
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
    windows: Sequence[str],
    *,
    depth: int = 50,
) -> list[NDArray[np.float32]]:
    """Returns the best cosines of each window, on either strand, in the whole database, best first.

    Args:
        index: Where to look.
        embed: Returns the unit vectors of windows.
        windows: Letters of windows.
        depth: Candidates a window.
    """
    if not windows:
        return []
    vectors = embed([*windows, *(reverse_complement(letters) for letters in windows)])
    scores, rows = index.search(vectors, min(depth, max(1, index.n_windows)))
    result = []
    for number in range(len(windows)):
        ranked = RankedList()
        for minus, place in enumerate((number, number + len(windows))):
            ranked.add((scores[[place]], rows[[place]]), minus)
        result.append(ranked.scores[:depth])
    return result
