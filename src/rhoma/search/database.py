"""What a search needs of an index, behind one small door."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rhoma.evalue import database_size
from rhoma.sequences import reverse_complement

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SearchableIndex(Protocol):
    """The part of an index bundle that searching uses."""

    @property
    def names(self) -> list[str]:
        """Returns the names of the distinct sequences."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Returns their lengths."""

    @property
    def total_residues(self) -> int:
        """Returns the nucleotides of the database, exact copies counted."""

    @property
    def n_windows(self) -> int:
        """Returns the number of windows."""

    def search(self, vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns cosines and rows of the k nearest windows of each vector; row -1 where there are fewer."""

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

    @property
    def live_sequences(self) -> NDArray[np.int64]:
        """Returns the numbers of the sequences that were not deleted."""

    def sequence_of(self, name: str) -> int | None:
        """Returns the number of the sequence of this name, None where there is none."""


class Database:
    """An index with what several threads need: locked reading and the neighbours of a place.

    Args:
        index: The open index.
        window: Length of its windows.
        stride: Distance of their starts.
    """

    def __init__(self, index: SearchableIndex, *, window: int, stride: int) -> None:
        self.index = index
        self.window = window
        self.stride = stride
        self._lock = threading.Lock()
        self._lengths = np.asarray(index.lengths, dtype=np.int64)[index.live_sequences]

    def size(self, unit: int, pieces: int) -> float:
        """Returns Z for targets of ``unit`` nucleotides and a query of so many pieces (:mod:`rhoma.evalue`)."""
        return database_size(self._lengths, unit, total_residues=self.index.total_residues, pieces=pieces)

    def fetch(self, sequence: int, start: int, end: int, strand: str) -> str:
        """Returns the letters of a stretch given on the + strand, as they read on ``strand``."""
        with self._lock:
            letters = self.index.fetch(sequence, start, end)
        return letters if strand == "+" else reverse_complement(letters)

    def rows_over(self, row: int, start: int, end: int) -> NDArray[np.int64]:
        """Returns the windows that lie best over a stretch, near a window of the same sequence.

        Args:
            row: A window of the sequence, near the stretch.
            start: 0-based start of the stretch on the + strand.
            end: Its end, exclusive.

        Returns:
            Rows by position: the windows whose middle lies in the stretch, else the one with the largest
            overlap.
        """
        reach = 2 + (max(end - start, 0) + 2 * self.window) // self.stride
        near = np.arange(max(0, row - reach), min(self.index.n_windows, row + reach + 1), dtype=np.int64)
        sequence, starts, ends = self.index.windows(near)
        same = sequence == sequence[near == row][0]
        near, starts, ends = near[same], starts[same], ends[same]
        middle = (starts + ends) // 2
        inside = near[(middle >= start) & (middle < end)]
        if not len(inside):
            overlap = np.minimum(ends, end) - np.maximum(starts, start)
            inside = near[[int(np.argmax(overlap))]]
        rows: NDArray[np.int64] = inside
        return rows
