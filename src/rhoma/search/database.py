"""What a search needs of an index, behind one small door.

Places are given as a strand reads: position x of the + strand is x, and -x on the minus strand, so that a stretch
``[start, end)`` runs from 5' to 3' on either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from rhoma.evalue import database_size
from rhoma.sequences import reverse_complement

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SearchableIndex(Protocol):
    """The part of an index bundle that searching uses."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Returns the lengths of its sequences."""

    @property
    def total_residues(self) -> int:
        """Returns the nucleotides of the database, exact copies counted."""

    @property
    def n_windows(self) -> int:
        """Returns the number of windows."""

    def search(
        self, vectors: NDArray[np.float32], k: int, floor: float
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns cosines, from the floor on, and rows of the k nearest windows of each vector; else row -1."""

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns the stored vectors of windows."""

    def windows(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Returns sequence number, start and end (0-based, half-open) of windows."""

    def rows_of(self, sequence: int) -> NDArray[np.int64]:
        """Returns the rows of the windows of a sequence, by position."""

    def fetch(self, sequence: int, start: int, end: int) -> str:
        """Returns the letters of a stretch of the + strand."""

    def copies(self, sequence: int) -> list[str]:
        """Returns the names of all exact copies of a sequence, its own first."""

    def represented(self, sequence: int) -> NDArray[np.int64]:
        """Returns the numbers of the near copies that this sequence stands for; they have no windows."""

    @property
    def live_sequences(self) -> NDArray[np.int64]:
        """Returns the numbers of the sequences that were not deleted."""

    def sequence_of(self, name: str) -> int | None:
        """Returns the number of the sequence of this name, None where there is none."""


class Database:
    """An index as the search reads it.

    Args:
        index: The open index.
        window: Length of its windows.
        stride: Distance of their starts.

    Attributes:
        lengths: (n,) int64 lengths of its sequences.
        size: Z, the comparisons that the database stands for (:mod:`rhoma.evalue`).
        dead: (n,) which sequences were deleted; None where none was.
    """

    def __init__(self, index: SearchableIndex, *, window: int, stride: int) -> None:
        self.index = index
        self.window = window
        self.stride = stride
        self.lengths = np.asarray(index.lengths, dtype=np.int64)
        live = index.live_sequences
        self.size = database_size(self.lengths[live], total_residues=index.total_residues)
        self.dead: NDArray[np.bool_] | None = None
        if len(live) < len(self.lengths):
            self.dead = np.ones(len(self.lengths), dtype=np.bool_)
            self.dead[live] = False

    def fetch(self, sequence: int, minus: bool, start: int, end: int) -> str:
        """Returns the letters of a stretch as the strand reads."""
        if minus:
            return reverse_complement(self.index.fetch(sequence, -end, -start))
        return self.index.fetch(sequence, start, end)

    def bounds(self, sequence: int, minus: bool) -> tuple[int, int]:
        """Returns (start, end) of a whole sequence as the strand reads."""
        length = int(self.lengths[sequence])
        return (-length, 0) if minus else (0, length)

    def rows_over(
        self, sequence: int, minus: bool, start: int, end: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns the windows that lie best over a stretch, by position, and where they start as the strand reads.

        These are the windows whose middle lies in the stretch, else the one with the largest overlap; none where the
        sequence has no windows (a near copy of another).
        """
        rows = self.index.rows_of(sequence)
        _, first, last = self.index.windows(rows)
        if minus:
            first, last = -last, -first
        middle = (first + last) // 2
        inside = np.flatnonzero((middle >= start) & (middle < end))
        if not len(inside) and len(rows):
            inside = np.array([int(np.argmax(np.minimum(last, end) - np.maximum(first, start)))])
        return rows[inside], first[inside]
