"""Reading an index bundle: one numbering of sequences and windows over all its segments.

Sequences are numbered segment by segment, windows likewise. Names that were deleted are never given out; a
sequence all of whose names were deleted is dead: it keeps its number, and no search returns its windows.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rhoma.index import topk
from rhoma.index.segment import Segment
from rhoma.manifest import IndexManifest, check_model, read_manifest, verify_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rhoma.index.segment import Member

# Checksums of more than this take longer than most searches; then only the sizes are compared.
VERIFY_BELOW = 4 << 30


class Index:
    """An open index bundle; ``Index.open`` makes one.

    Attributes:
        path: its directory.
        manifest: what it is.
        segments: its segments, in order.
    """

    def __init__(self, path: Path, manifest: IndexManifest) -> None:
        self.path = path
        self.manifest = manifest
        self.segments = [Segment(path / "segments" / info.id, info, manifest.dimension) for info in manifest.segments]
        counts = [[segment.info.n_windows, segment.info.n_sequences] for segment in self.segments]
        ends = np.cumsum(np.array(counts, dtype=np.int64).reshape(-1, 2), axis=0)
        self._first_row, self._first_sequence = np.vstack([[[0, 0]], ends]).T

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        verify: bool | Literal["auto", "full", "size"] = "auto",
        model_sha256: str | None = None,
    ) -> Index:
        """Returns the index of a directory.

        Args:
            path: the directory.
            verify: compare all checksums (``True``, ``full``) or sizes only (``False``, ``size``); ``auto``
                compares the checksums of indexes below 4 GiB.
            model_sha256: the model that queries are embedded with, if vectors are to be searched.

        Raises:
            ArtefactError: the index is damaged, of a newer schema, or was made with another model.
        """
        path = Path(path)
        manifest = read_manifest(path, IndexManifest)
        if model_sha256 is not None:
            check_model(manifest, path, model_sha256)
        size = sum(entry.size for entry in manifest.files.values())
        sizes_only = verify in (False, "size") or (verify == "auto" and size >= VERIFY_BELOW)
        verify_files(path, manifest, sizes_only=sizes_only)
        return cls(path, manifest)

    @property
    def n_windows(self) -> int:
        """Returns the number of windows; rows run from 0 to it."""
        return int(self._first_row[-1])

    @property
    def n_sequences(self) -> int:
        """Returns the number of unique sequences, dead ones included; sequence numbers run from 0 to it."""
        return int(self._first_sequence[-1])

    @property
    def total_residues(self) -> int:
        """Returns the nucleotides of the database: every live name counts, copies too."""
        return self.manifest.n_residues

    @property
    def mmseqs(self) -> Path | None:
        """Returns the path of the MMseqs2 database (a prefix of file names), if there is one."""
        return None if self.manifest.mmseqs is None else self.path / self.manifest.mmseqs

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Returns (n_sequences,) int64 lengths in nucleotides."""
        return np.concatenate([np.empty(0, dtype=np.int64), *(segment.lengths for segment in self.segments)])

    def live_members(self) -> Iterator[Member]:
        """Gives all names that are not deleted, in the order they were added."""
        for segment in self.segments:
            for member in segment.members:
                if member.name not in segment.deleted:
                    yield member

    @cached_property
    def _copies(self) -> list[list[str]]:
        copies: list[list[str]] = [[] for _ in range(self.n_sequences)]
        for member in self.live_members():
            copies[member.sequence].append(member.name)
        return copies

    @cached_property
    def _members(self) -> dict[str, Member]:
        return {member.name: member for member in self.live_members()}

    @cached_property
    def names(self) -> list[str]:
        """Returns the first live name of every sequence; the empty string for a dead one."""
        return [copies[0] if copies else "" for copies in self._copies]

    @cached_property
    def live_sequences(self) -> NDArray[np.int64]:
        """Returns the numbers of the sequences that are not dead, ascending."""
        return np.array([number for number, copies in enumerate(self._copies) if copies], dtype=np.int64)

    def copies(self, sequence: int) -> list[str]:
        """Returns all live names of exactly this sequence, in the order they were added."""
        return list(self._copies[sequence])

    def represented(self, sequence: int) -> NDArray[np.int64]:
        """Returns the numbers of the sequences that this one represents, ascending: near copies without windows."""
        return np.empty(0, dtype=np.int64)

    def sequence_of(self, name: str) -> int | None:
        """Returns the number of the sequence of a live name, or None."""
        member = self._members.get(name)
        return None if member is None else member.sequence

    def description(self, name: str) -> str:
        """Returns the description of a live name, possibly empty.

        Raises:
            KeyError: there is no such name.
        """
        return self._members[name].description

    @cached_property
    def _alive(self) -> list[NDArray[np.bool_] | None]:
        """Returns, for each segment, which windows may be found; None where all may."""
        alive = np.array([bool(copies) for copies in self._copies], dtype=np.bool_)
        masks: list[NDArray[np.bool_] | None] = []
        for segment, first in zip(self.segments, self._first_sequence.tolist(), strict=False):
            here = alive[first : first + segment.info.n_sequences]
            masks.append(None if here.all() else here[segment.windows.sequence])
        return masks

    def rows_of(self, sequence: int) -> NDArray[np.int64]:
        """Returns the rows of the windows of a sequence, by position."""
        segment = int(np.searchsorted(self._first_sequence, sequence, side="right")) - 1
        local = sequence - int(self._first_sequence[segment])
        low, high = np.searchsorted(self.segments[segment].windows.sequence, [local, local + 1]).tolist()
        return np.arange(low, high, dtype=np.int64) + int(self._first_row[segment])

    def search(self, vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns the k nearest windows of each vector by cosine.

        Args:
            vectors: (m, d) float32 unit rows.
            k: results a vector, at least 1.

        Returns:
            (m, k) float32 cosines and (m, k) int64 rows, by (cosine descending, row ascending); -inf and -1
            where there are fewer than k.
        """
        queries = np.ascontiguousarray(vectors, dtype=np.float32)
        found = [topk.empty(len(queries), k)]
        for segment, alive, first in zip(self.segments, self._alive, self._first_row.tolist(), strict=False):
            scores, rows = segment.index.search(queries, k, alive=alive)
            found.append((scores, np.where(rows < 0, rows, rows + first)))
        return topk.merge(found, k)

    def _by_segment(
        self, numbers: NDArray[np.int64], first: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.int64]]]:
        """Gives (segment, places, numbers within the segment) for numbers of the whole index.

        Raises:
            IndexError: a number is not of this index.
        """
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < first[-1]):
            raise IndexError(f"numbers run from 0 to {first[-1] - 1}")
        owner = np.searchsorted(first, numbers, side="right") - 1
        for number in np.unique(owner).tolist():
            places = np.flatnonzero(owner == number)
            yield number, places, numbers[places] - first[number]

    def vectors(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Returns (n, d) float32 stored vectors of windows, in the order of ``rows``."""
        numbers = np.asarray(rows, dtype=np.int64)
        out = np.empty((len(numbers), self.manifest.dimension), dtype=np.float32)
        for segment, places, local in self._by_segment(numbers, self._first_row):
            out[places] = self.segments[segment].vectors[local]
        return out

    def windows(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Returns sequence number, start and end (0-based, half-open), each (n,) int64, of windows."""
        numbers = np.asarray(rows, dtype=np.int64)
        sequence, start, end = np.empty((3, len(numbers)), dtype=np.int64)
        for segment, places, local in self._by_segment(numbers, self._first_row):
            table = self.segments[segment].windows
            sequence[places] = table.sequence[local] + self._first_sequence[segment]
            start[places] = table.start[local]
            end[places] = table.end[local]
        return sequence, start, end

    def fetch(self, sequence: int, start: int = 0, end: int | None = None) -> str:
        """Returns letters of the plus strand of a sequence, 0-based and half-open, cut at its ends.

        Raises:
            IndexError: there is no such sequence.
        """
        if not 0 <= sequence < self.n_sequences:
            raise IndexError(f"sequence numbers run from 0 to {self.n_sequences - 1}, not to {sequence}")
        segment = int(np.searchsorted(self._first_sequence, sequence, side="right")) - 1
        length = int(self.lengths[sequence])
        stop = length if end is None else min(end, length)
        begin = min(max(start, 0), max(stop, 0))
        return self.segments[segment].fetch(sequence - int(self._first_sequence[segment]), begin, max(stop, 0))
