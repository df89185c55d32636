"""What goes into segments: distinct sequences in the order of their clusters, and all names.

A cluster is a representative followed by its near copies. Segments hold whole clusters, so a database is numbered
the same way in one segment or in many.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import InputError
from rhoma.windows import count_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from rhoma.sequences import Record


@dataclass(frozen=True, slots=True)
class Member:
    """A name that leads to a sequence.

    Attributes:
        name: the name.
        description: the rest of its header.
        sequence: number of the sequence, in whatever numbering is meant.
    """

    name: str
    description: str
    sequence: int


@dataclass(frozen=True)
class Contents:
    """What a segment holds but its vectors, with numbers that count from its first sequence.

    Attributes:
        sequences: the distinct sequences.
        members: names by sequence, then in the order they came in; the sequence may be one of an earlier
            segment, with a negative number.
        copies: (2, c) int64, representatives, ascending, which may be of an earlier segment, and near copies.
    """

    sequences: Sequence[str]
    members: Sequence[Member]
    copies: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Returns (n,) lengths of the sequences."""
        return np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)

    @property
    def indexed(self) -> NDArray[np.int64]:
        """Returns the numbers of the sequences that have windows: all but the near copies."""
        mask = np.ones(len(self.sequences), dtype=np.bool_)
        mask[self.copies[1]] = False
        return np.flatnonzero(mask).astype(np.int64)

    @property
    def residues(self) -> int:
        """Returns the nucleotides of all names whose sequences are here."""
        return sum(len(self.sequences[member.sequence]) for member in self.members if member.sequence >= 0)

    def part(self, low: int, high: int) -> Contents:
        """Returns the clusters whose sequences are numbered from low to high."""
        first, last = (bisect_left(self.members, bound, key=lambda member: member.sequence) for bound in (low, high))
        members = [
            Member(member.name, member.description, member.sequence - low) for member in self.members[first:last]
        ]
        inside = (self.copies[0] >= low) & (self.copies[0] < high)
        return Contents(self.sequences[low:high], members, self.copies[:, inside] - low)

    def parts(self, most_windows: int, window: int, stride: int) -> Iterator[Contents]:
        """Gives parts of whole clusters, with about as many windows each.

        Args:
            most_windows: windows of a part, about.
            window: length of a window.
            stride: distance of windows.
        """
        starts = self.indexed
        counts = count_windows(self.lengths[starts], window, stride)
        number = -(-int(counts.sum()) // most_windows)
        before = np.cumsum(counts) - counts
        owner = np.minimum(before * number // max(1, int(counts.sum())), number - 1)
        first = starts[np.flatnonzero(np.diff(owner, prepend=-1))]
        for low, high in zip(first.tolist(), [*first.tolist()[1:], len(self.sequences)], strict=True):
            yield self.part(low, high)


def arrange(
    records: Sequence[Record],
    represent: Callable[[list[str]], NDArray[np.int64]],
    known: Callable[[str], int | None] | None = None,
) -> Contents:
    """Returns what records become in a new segment.

    Args:
        records: with different names.
        represent: returns the representative of each of different sequences: the number of one of them, or the
            negative number of a sequence of an earlier segment.
        known: returns the negative number of a sequence that an earlier segment holds, or None.
    """
    numbers: dict[str, int] = {}
    distinct: list[str] = []
    leads = np.empty(len(records), dtype=np.int64)
    for place, record in enumerate(records):
        number = numbers.get(record.sequence)
        if number is None:
            earlier = None if known is None else known(record.sequence)
            number = len(distinct) if earlier is None else earlier
            numbers[record.sequence] = number
            if earlier is None:
                distinct.append(record.sequence)
        leads[place] = number
    representative = represent(distinct) if distinct else np.empty(0, dtype=np.int64)
    own = np.arange(len(distinct))
    # those of earlier segments' clusters come last
    cluster = np.where(representative < 0, len(distinct), representative)
    order = np.lexsort((own, representative != own, cluster))
    place_of = np.empty(len(distinct), dtype=np.int64)
    place_of[order] = own
    leads[leads >= 0] = place_of[leads[leads >= 0]]
    copy = np.flatnonzero(representative != own)
    stands = representative[copy]
    stands[stands >= 0] = place_of[stands[stands >= 0]]
    pairs = np.stack([stands, place_of[copy]])
    members = [
        Member(records[place].id, records[place].description, int(leads[place]))
        for place in np.argsort(leads, kind="stable").tolist()
    ]
    return Contents([distinct[number] for number in order.tolist()], members, pairs[:, np.lexsort(pairs[::-1])])


def itself(sequences: list[str]) -> NDArray[np.int64]:
    """Returns the representatives of sequences that all stand for themselves."""
    return np.arange(len(sequences), dtype=np.int64)


def check_names(records: Sequence[Record], taken: Callable[[str], bool] = lambda name: False) -> None:
    """Raises InputError where a name comes twice or is taken."""
    seen: set[str] = set()
    for record in records:
        if record.id in seen or taken(record.id):
            raise InputError(
                "the name is in the index already",
                record=record.id,
                remedy="rename it, or delete the old one first",
            )
        seen.add(record.id)
