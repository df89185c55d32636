"""From the hits of tiles to hits of the query: collinear stretches of one target become one chain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from rhoma.search.iteration import Outcome

# How far the distance of two stretches on the target may differ from that on the query, in nucleotides.
SLACK = 300
# The same where the two overlap: then they are the same stretch, and must lie on the same diagonal.
SHIFT = 40
# Nucleotides by which stretches of one tile may overlap: local alignments overshoot.
OVERSHOOT = 10
# Logarithm of the P-value that every stretch of a chain needs by itself.
ALONE = math.log(0.01)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A stretch of a target in the coordinates of the whole query (an HSP).

    Attributes:
        tile: Number of the tile.
        start: Start on the target in reading direction.
        end: End, exclusive.
        columns: Position of the query for each letter, -1 for an inserted one.
        bits: Bit score.
        log_pvalue: What is known of it (:mod:`rhoma.search.significance`).
        rank: Logarithm of the P-value by the last model.
        source: ``profile`` or ``cm``.
    """

    tile: int
    start: int
    end: int
    columns: NDArray[np.int32]
    bits: float
    log_pvalue: float
    rank: float
    source: str

    @property
    def qstart(self) -> int:
        """Returns the first position of the query."""
        return int(self.columns[0])

    @property
    def qend(self) -> int:
        """Returns the end on the query, exclusive."""
        return int(self.columns[-1]) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Collinear parts of one target, which make one hit.

    Attributes:
        sequence: Number of the target.
        minus: Whether the minus strand is like the query.
        parts: In order; no two share a letter of the target or a position of the query.
        bits: Sum over the parts.
        log_pvalue: The smallest of the parts.
        rank: The smallest of the parts.
        source: Of the best part.
    """

    sequence: int
    minus: bool
    parts: tuple[Part, ...]
    bits: float
    log_pvalue: float
    rank: float
    source: str

    @property
    def start(self) -> int:
        """Returns the start on the target in reading direction."""
        return self.parts[0].start

    @property
    def end(self) -> int:
        """Returns the end on the target, exclusive."""
        return self.parts[-1].end

    @property
    def span(self) -> tuple[int, int]:
        """Returns (start, end) on the + strand, 0-based, half-open."""
        return (-self.end, -self.start) if self.minus else (self.start, self.end)


def chain(outcomes: Sequence[Outcome]) -> list[Chain]:
    """Returns the chains of all tiles, best first; of those that share a place the best is left."""
    strands: dict[tuple[int, bool], list[Part]] = {}
    for outcome in outcomes:
        for hit, value in zip(outcome.hits, outcome.log_pvalues, strict=True):
            columns = np.where(hit.columns >= 0, hit.columns + outcome.tile.offset, -1).astype(np.int32)
            part = Part(outcome.tile.number, hit.start, hit.end, columns, hit.bits, value, hit.log_pvalue, hit.source)
            strands.setdefault(hit.strand, []).append(part)
    chains = [
        _joined(sequence, minus, parts)
        for (sequence, minus), everything in strands.items()
        for parts in link(everything)
    ]
    return _apart(chains)


def link(parts: Iterable[Part]) -> list[list[Part]]:
    """Returns the parts of one strand of a target as collinear lists, the best-scoring taken first.

    The score of a list is the sum of its bits; where two parts overlap on the query, as those of neighbouring tiles
    do, the second adds only the share of its own.
    """
    left = sorted(parts, key=lambda p: (p.start, p.end, p.qstart, p.tile))
    result = []
    while left:
        total = [part.bits for part in left]
        before = [-1] * len(left)
        for i, part in enumerate(left):
            for j in range(i):
                gain = _gain(left[j], part)
                if gain is not None and total[j] + gain > total[i]:
                    total[i], before[i] = total[j] + gain, j
        place = max(range(len(left)), key=lambda i: (total[i], -i))
        taken = []
        while place >= 0:
            taken.append(place)
            place = before[place]
        result.append([left[i] for i in reversed(taken)])
        left = [part for i, part in enumerate(left) if i not in taken]
    return result


def _gain(left: Part, right: Part) -> float | None:
    """Returns the bits that ``right`` adds behind ``left``, None where it does not continue it."""
    if right.end <= left.end or right.qend <= left.qend or right.qstart <= left.qstart:
        return None
    # beside a homolog there is little room for chance, but a stretch that chance brings anywhere is no part of it
    if max(left.rank, right.rank) > ALONE:
        return None
    shift = (right.start - left.end) - (right.qstart - left.qend)
    overlap = max(left.end - right.start, left.qend - right.qstart)
    neighbours = right.tile == left.tile + 1
    if abs(shift) > (SHIFT if overlap > OVERSHOOT else SLACK) or (overlap > OVERSHOOT and not neighbours):
        return None
    shared = max(0, left.qend - right.qstart) / (right.qend - right.qstart)
    return right.bits * (1 - shared) if shared < 1 else None


def _joined(sequence: int, minus: bool, parts: Sequence[Part]) -> Chain:
    kept: list[Part] = []
    for part in parts:
        right = part
        while kept:
            left = _before(kept[-1], _border(kept[-1], right))
            if left is None:
                kept.pop()
                continue
            right = _from(right, _border(kept[-1], right), left.end)
            kept[-1] = left
            break
        kept.append(right)
    best = min(parts, key=lambda p: (p.rank, p.start))
    return Chain(
        sequence,
        minus,
        tuple(kept),
        sum(part.bits for part in kept),
        min(part.log_pvalue for part in parts),
        best.rank,
        best.source,
    )


def _border(left: Part, right: Part) -> int:
    """Returns the position of the query where one part hands over to the next: the middle of what they share."""
    return (max(left.qend, right.qstart) + right.qstart) // 2


def _before(part: Part, border: int) -> Part | None:
    """Returns what of a part stands before a position of the query."""
    inside = np.flatnonzero((part.columns >= 0) & (part.columns < border))
    if not len(inside):
        return None
    end = int(inside[-1]) + 1
    return _slice(part, 0, end)


def _from(part: Part, border: int, start: int) -> Part:
    """Returns what of a part stands at a position of the query or behind it, and on the target from ``start`` on."""
    inside = np.flatnonzero((part.columns >= border) & (np.arange(part.start, part.end) >= start))
    return _slice(part, int(inside[0]), len(part.columns))


def _slice(part: Part, low: int, high: int) -> Part:
    if low == 0 and high == len(part.columns):
        return part
    share = (high - low) / len(part.columns)
    return Part(
        part.tile,
        part.start + low,
        part.start + high,
        part.columns[low:high],
        part.bits * share,
        part.log_pvalue,
        part.rank,
        part.source,
    )


def _apart(chains: Iterable[Chain]) -> list[Chain]:
    """Returns the chains, best first, without those that share more than half of the shorter with a better one."""
    kept: dict[int, list[tuple[int, int]]] = {}
    result = []
    for one in sorted(chains, key=lambda c: (c.log_pvalue, c.rank, -c.bits, c.sequence, c.minus, c.start)):
        others = kept.setdefault(one.sequence, [])
        start, end = one.span
        if any(2 * (min(end, e) - max(start, s)) > min(end - start, e - s) for s, e in others):
            continue
        others.append((start, end))
        result.append(one)
    return result
