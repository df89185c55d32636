"""From vectors to the stretches of targets that are scored: the shortlist.

A *candidate* is a window of the database together with the strand on which it is like the query, numbered ``2 * row +
minus``. It keeps the best cosine to any question, and where the tile would begin if the two windows lay on top of
each other: that diagonal says which stretch of the target is worth scoring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rhoma.search.database import Database
    from rhoma.search.query import Tile

# HMMER takes no target beyond 100,000 nt, and its time grows with the product of the lengths.
LONGEST_REGION = 5_000
# Questions that are asked at the same time.
_TOGETHER = 16


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """Vectors that ask for windows.

    Attributes:
        vectors: (n, d) float32 unit rows.
        minus: (n,) bool, whether the vector is that of a reverse complement of what the query reads like.
        offset: (n,) int64, where the window that the vector stands for begins on the tile.
    """

    vectors: NDArray[np.float32]
    minus: NDArray[np.bool_]
    offset: NDArray[np.int64]

    def __len__(self) -> int:
        """Returns the number of questions."""
        return len(self.minus)

    def __add__(self, other: Questions) -> Questions:
        """Returns these questions and others."""
        if not len(self) or not len(other):
            return self if len(self) else other
        return Questions(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.minus, other.minus]),
            np.concatenate([self.offset, other.offset]),
        )


def questions_of(tile: Tile) -> Questions:
    """Returns the windows of a tile, both strands, as questions."""
    count = len(tile.begins)
    return Questions(
        np.concatenate([tile.vectors.plus, tile.vectors.minus]),
        np.repeat([False, True], count),
        np.tile(tile.begins, 2),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What questions have met.

    Attributes:
        code: (n,) int64 distinct candidates, by falling score, then by number.
        score: (n,) float32 best cosine of each.
        offset: (n,) int64 where the window lies on the tile, by the question that met it best.
    """

    code: NDArray[np.int64]
    score: NDArray[np.float32]
    offset: NDArray[np.int64]

    def __len__(self) -> int:
        """Returns the number of candidates."""
        return len(self.code)

    @classmethod
    def none(cls) -> Candidates:
        """Returns no candidates."""
        return cls(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.int64))

    def merge(self, other: Candidates) -> Candidates:
        """Returns the candidates of both, each with its best score."""
        return _best(
            np.concatenate([self.code, other.code]),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.offset, other.offset]),
        )

    def floor(self, count: int) -> float:
        """Returns the score of rank ``count``: what scores less is not among the best so many."""
        return float(self.score[count - 1]) if len(self) >= count else -np.inf

    def top(self, count: int) -> Candidates:
        """Returns the best candidates, best first."""
        return Candidates(self.code[:count], self.score[:count], self.offset[:count])


def _best(code: NDArray[np.int64], score: NDArray[np.float32], offset: NDArray[np.int64]) -> Candidates:
    order = np.lexsort((offset, -score, code))
    code, score, offset = code[order], score[order], offset[order]
    first = np.ones(len(code), dtype=bool)
    first[1:] = code[1:] != code[:-1]
    code, score, offset = code[first], score[first], offset[first]
    order = np.lexsort((code, -score))
    return Candidates(code[order], score[order], offset[order])


def ask(database: Database, questions: Questions, count: int, known: Candidates) -> Candidates:
    """Returns what is known, and of the ``count`` windows nearest to each question those that may enter the best.

    Each question is spared what the ones before have already pushed below rank ``count``.
    """
    for start in range(0, len(questions), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        most = min(count, max(1, database.index.n_windows))
        scores, rows = database.index.search(questions.vectors[part], most, known.floor(count))
        keep = rows >= 0
        code = (2 * rows + questions.minus[part, None])[keep]
        offset = np.broadcast_to(questions.offset[part, None], rows.shape)[keep]
        # stored rows are of unit length but for their last digit
        known = known.merge(_best(code, np.minimum(scores[keep], 1.0).astype(np.float32), offset))
    return known


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A stretch of one target, as one strand reads (see :mod:`rhoma.search.database`).

    Attributes:
        sequence: Number of the target in the index.
        minus: Whether it is the minus strand.
        start: Start in reading direction.
        end: End, exclusive.
    """

    sequence: int
    minus: bool
    start: int
    end: int

    @property
    def span(self) -> tuple[int, int]:
        """Returns (start, end) on the + strand, 0-based, half-open."""
        return (-self.end, -self.start) if self.minus else (self.start, self.end)


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """The stretches of targets that are worth scoring.

    Attributes:
        regions: By (target, strand, start); they do not meet, but for the parts of very long ones.
        rank: (regions,) rank of the best candidate in the region; the number of candidates where none is.
        windows: Number of candidates.
    """

    regions: tuple[Region, ...]
    rank: NDArray[np.int64]
    windows: int


def shortlist(
    database: Database, candidates: Candidates, length: int, pad: int, places: Sequence[Region] = ()
) -> Shortlist:
    """Returns where the tile can lie on the targets of candidates, stretches that meet merged.

    Args:
        database: The database.
        candidates: Best first.
        length: Length of the tile.
        pad: Nucleotides added at each end.
        places: Stretches that are to be in it whatever the candidates say.
    """
    sequence, first, last = database.index.windows(candidates.code // 2)
    minus = candidates.code % 2 == 1
    first, last = np.where(minus, -last, first), np.where(minus, -first, last)
    begin = first - candidates.offset
    start, end = np.minimum(first, begin), np.maximum(last, begin + length)
    given = np.array([(p.sequence, p.minus, p.start, p.end) for p in places], dtype=np.int64).reshape(-1, 4)
    sequence = np.concatenate([sequence, given[:, 0]])
    minus = np.concatenate([minus, given[:, 1] == 1])
    start, end = np.concatenate([start, given[:, 2]]) - pad, np.concatenate([end, given[:, 3]]) + pad
    size = database.lengths[sequence]
    low, high = np.where(minus, -size, 0), np.where(minus, 0, size)
    start, end = np.clip(start, low, high), np.clip(end, low, high)
    if database.dead is not None and len(sequence):
        sequence, minus, start, end, origin = _alive(database, sequence, minus, start, end)
    else:
        origin = np.arange(len(sequence))
    regions, where = merge(sequence, minus, start, end)
    count = len(candidates)
    ranked = origin < count
    rank = np.full(len(regions), count, dtype=np.int64)
    np.minimum.at(rank, where[ranked], origin[ranked])
    parts = [cut_region(region, 2 * (length + pad)) for region in regions]
    repeats = [len(part) for part in parts]
    return Shortlist(
        tuple(region for part in parts for region in part),
        np.repeat(rank, repeats),
        count,
    )


def _alive(
    database: Database,
    sequence: NDArray[np.int64],
    minus: NDArray[np.bool_],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
) -> tuple[NDArray[np.int64], ...]:
    """Returns the stretches and which one each comes from; what was deleted gives way to its near copies, whole."""
    rows = []
    for number in range(len(sequence)):
        own, strand = int(sequence[number]), bool(minus[number])
        if database.dead is None or not database.dead[own]:
            rows.append((own, strand, int(start[number]), int(end[number]), number))
            continue
        for copy in database.index.represented(own).tolist():
            rows.append((copy, strand, *database.bounds(copy, strand), number))
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return table[:, 0], table[:, 1] == 1, table[:, 2], table[:, 3], table[:, 4]


def merge(
    sequence: NDArray[np.int64], minus: NDArray[np.bool_], start: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[list[Region], NDArray[np.int64]]:
    """Returns stretches with those of one target and strand that meet merged, and where each one went.

    Returns:
        Regions by (target, strand, start), and (n,) for each stretch the number of its region.
    """
    order = np.lexsort((start, minus, sequence))
    key = 2 * sequence[order] + minus[order]
    start, end = start[order], end[order]
    where = np.empty(len(order), dtype=np.int64)
    if not len(order):
        return [], where
    # a running maximum of the ends that begins anew with every strand: later strands lie beyond all others
    span = int(end.max() - start.min()) + 1
    _, group = np.unique(key, return_inverse=True)
    reached = np.maximum.accumulate(end + group * span)
    new = np.ones(len(order), dtype=bool)
    new[1:] = (start + group * span)[1:] > reached[:-1]
    begins = np.flatnonzero(new)
    stops = np.append(begins[1:], len(order)) - 1
    where[order] = np.cumsum(new) - 1
    highest = (reached - group * span)[stops]
    regions = [
        Region(code // 2, code % 2 == 1, low, high)
        for code, low, high in zip(key[begins].tolist(), start[begins].tolist(), highest.tolist(), strict=True)
    ]
    return regions, where


def cut_region(region: Region, overlap: int) -> list[Region]:
    """Returns the region, or parts of it that HMMER takes, which overlap by what a homolog can span."""
    length = region.end - region.start
    if length <= LONGEST_REGION:
        return [region]
    overlap = min(overlap, LONGEST_REGION // 2)
    begins = range(region.start, region.end - overlap, LONGEST_REGION - overlap)
    return [Region(region.sequence, region.minus, begin, min(begin + LONGEST_REGION, region.end)) for begin in begins]
