"""From windows of the shortlist to the stretches of targets that are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rhoma.io.m8 import Anchor
    from rhoma.search.database import Database


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A stretch of one target, read on one strand.

    Attributes:
        sequence: Number of the target in the index.
        strand: ``+`` or ``-``.
        start: 0-based start on the + strand.
        end: End on the + strand, exclusive.
    """

    sequence: int
    strand: str
    start: int
    end: int

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Returns (start, end) on the + strand of a stretch of the region as it reads; 0-based, half-open."""
        if self.strand == "+":
            return self.start + start, self.start + end
        return self.end - end, self.end - start


@dataclass(frozen=True, slots=True)
class Choice:
    """A homolog that builds the next model.

    Attributes:
        region: Number of its region.
        start: 0-based start on the + strand of the target.
        end: Its end, exclusive.
    """

    region: int
    start: int
    end: int


def merge_regions(
    stretches: Sequence[Region], lengths: NDArray[np.int64], pad: int
) -> tuple[list[Region], NDArray[np.int64]]:
    """Returns the stretches padded, those of one target and strand that meet merged, and where each one went.

    Args:
        stretches: In any order.
        lengths: Lengths of all targets.
        pad: Nucleotides added at each end, within the target.

    Returns:
        Regions by (target, strand, start), and (n,) for each stretch the number of its region.
    """
    where = np.empty(len(stretches), dtype=np.int64)
    merged: list[Region] = []
    for number in sorted(range(len(stretches)), key=lambda i: stretches[i]):
        one = stretches[number]
        start, end = max(0, one.start - pad), min(int(lengths[one.sequence]), one.end + pad)
        last = merged[-1] if merged else None
        if last and (last.sequence, last.strand) == (one.sequence, one.strand) and start <= last.end:
            merged[-1] = Region(one.sequence, one.strand, last.start, max(last.end, end))
        else:
            merged.append(Region(one.sequence, one.strand, start, end))
        where[number] = len(merged) - 1
    return merged, where


def candidate_regions(database: Database, candidates: NDArray[np.int64]) -> list[Region]:
    """Returns the windows of candidates (``2 * row + minus``) as stretches, in their order."""
    sequence, start, end = database.index.windows(candidates // 2)
    return [
        Region(s, "-" if minus else "+", b, e)
        for s, minus, b, e in zip(
            sequence.tolist(), (candidates % 2).tolist(), start.tolist(), end.tolist(), strict=True
        )
    ]


def anchor_regions(database: Database, anchors: Sequence[Anchor]) -> list[Region]:
    """Returns the places as stretches; targets that the index does not hold (deleted since) are left out."""
    stretches = []
    for anchor in anchors:
        number = database.index.sequence_of(anchor.name)
        if number is not None:
            end = min(anchor.end, int(database.index.lengths[number]))
            stretches.append(Region(number, anchor.strand, min(anchor.start, end), end))
    return stretches
