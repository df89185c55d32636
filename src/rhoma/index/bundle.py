"""Reading an index bundle: one numbering of sequences and windows over all its segments.

Sequences are numbered segment by segment, windows likewise. Names that were deleted are never given out. A
sequence is *live* while one of its names is, and it is *searched* while it or one of the near copies it represents
is live: windows of a representative whose own names are all deleted still lead to its near copies.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from rhoma.index import nearest, topk
from rhoma.index.approximate import Codebook
from rhoma.index.contents import Member
from rhoma.index.gpu import GpuIndex, resolve
from rhoma.index.rows import check_vectors, packed_size
from rhoma.index.segment import Segment
from rhoma.manifest import IndexManifest, check_model, read_manifest, verify_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Index:
    """An open index bundle; ``Index.open`` makes one.

    Attributes:
        path: its directory.
        manifest: what it is.
        segments: its segments, in order.
    """

    def __init__(self, path: Path, manifest: IndexManifest, *, on_gpu: bool = False) -> None:
        self.path = path
        self._on_gpu = on_gpu
        self.manifest = manifest
        self.segments = [
            Segment(
                path / "segments" / info.id,
                info,
                dimension=manifest.dimension,
                window=manifest.window,
                stride=manifest.stride,
            )
            for info in manifest.segments
        ]
        counts = [[segment.info.n_windows, segment.info.n_sequences] for segment in self.segments]
        ends = np.cumsum(np.array(counts, dtype=np.int64).reshape(-1, 2), axis=0)
        self._first_row, self._first_sequence = np.vstack([[[0, 0]], ends]).T.copy()

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        verify: bool = False,
        model_sha256: str | None = None,
        device: Literal["auto", "cpu", "cuda"] = "cpu",
    ) -> Index:
        """Returns the index of a directory.

        Args:
            path: the directory.
            verify: compare all checksums, and not only the sizes of the files.
            model_sha256: the model that queries are embedded with, if vectors are to be searched.
            device: where to search; on a GPU it is exact, whatever the kind of the index.

        Raises:
            ArtefactError: the index is damaged, of another schema, or was made with another model.
            DeviceError: ``cuda`` where faiss can use no GPU.
        """
        path = Path(path)
        manifest = read_manifest(path, IndexManifest)
        if model_sha256 is not None:
            check_model(manifest, path, model_sha256)
        verify_files(path, manifest, sizes_only=not verify)
        return cls(path, manifest, on_gpu=device != "cpu" and resolve(device) == "cuda")

    @cached_property
    def codebook(self) -> Codebook | None:
        """Returns what the approximate indexes of all segments share; None where search is exact."""
        if self.manifest.codebook is None:
            return None
        return Codebook.read(self.path / self.manifest.codebook.path, self.manifest.codebook.kind)

    @property
    def n_windows(self) -> int:
        """Returns the number of windows; rows run from 0 to it."""
        return int(self._first_row[-1])

    @property
    def n_sequences(self) -> int:
        """Returns the number of distinct sequences, dead ones included; sequence numbers run from 0 to it."""
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

    @property
    def first_sequences(self) -> NDArray[np.int64]:
        """Returns (n_segments,) the number of the first sequence of each segment."""
        first: NDArray[np.int64] = self._first_sequence[:-1]
        return first

    def live_members(self) -> Iterator[Member]:
        """Gives all names that are not deleted, by segment and sequence, with their sequences' numbers."""
        for segment, first in self._numbered():
            for member in np.flatnonzero(segment.live_names()).tolist():
                sequence = first + int(segment.members[member])
                yield Member(segment.names[member], segment.descriptions[member], sequence)

    def _numbered(self) -> Iterator[tuple[Segment, int]]:
        """Gives the segments, each with the number of its first sequence."""
        return zip(self.segments, self._first_sequence.tolist(), strict=False)

    @cached_property
    def representatives(self) -> NDArray[np.int64]:
        """Returns (n_sequences,) the number of the representative of each sequence, often its own."""
        numbers = np.arange(self.n_sequences, dtype=np.int64)
        for segment, first in self._numbered():
            representative, copy = segment.copies.astype(np.int64) + first
            numbers[copy] = representative
        return numbers

    @cached_property
    def _live(self) -> NDArray[np.bool_] | None:
        """Returns (n_sequences,) which sequences are live; None where all are."""
        live = np.zeros(self.n_sequences, dtype=np.bool_)
        for segment, first in self._numbered():
            live[segment.members[segment.live_names()].astype(np.int64) + first] = True
        return None if live.all() else live

    @cached_property
    def _searched(self) -> NDArray[np.bool_] | None:
        """Returns (n_sequences,) which sequences are searched; None where all are."""
        if self._live is None:
            return None
        searched = self._live.copy()
        searched[self.representatives[self._live]] = True
        return searched

    @cached_property
    def live_sequences(self) -> NDArray[np.int64]:
        """Returns the numbers of the sequences with a live name, ascending."""
        if self._live is None:
            return np.arange(self.n_sequences, dtype=np.int64)
        return np.flatnonzero(self._live).astype(np.int64)

    @cached_property
    def searched_sequences(self) -> NDArray[np.int64]:
        """Returns the numbers of the sequences that are live or represent a live one, ascending."""
        if self._searched is None:
            return np.arange(self.n_sequences, dtype=np.int64)
        return np.flatnonzero(self._searched).astype(np.int64)

    def copies(self, sequence: int) -> list[str]:
        """Returns all live names of exactly this sequence, in the order they were added."""
        names = []
        for segment, first in self._numbered():
            names += [segment.names[member] for member in segment.live_members(sequence - first)]
        return names

    def represented(self, sequence: int) -> NDArray[np.int64]:
        """Returns the numbers of the live sequences that this one represents: near copies, without windows.

        They are ascending. The sequence itself may be dead.
        """
        found = [np.empty(0, dtype=np.int64)]
        for segment, first in self._numbered():
            found.append(segment.represented(sequence - first) + first)
        numbers = np.sort(np.concatenate(found))
        return numbers if self._live is None else numbers[self._live[numbers]]

    def find(self, name: str) -> tuple[int, int] | None:
        """Returns the segment and the number within it of a live name, or None."""
        for number, segment in enumerate(self.segments):
            member = segment.names.find(name)
            if member is not None and not segment.is_deleted(member):
                return number, member
        return None

    def sequence_of(self, name: str) -> int | None:
        """Returns the number of the sequence of a live name, or None."""
        found = self.find(name)
        if found is None:
            return None
        segment, member = found
        return int(self._first_sequence[segment]) + int(self.segments[segment].members[member])

    def description(self, name: str) -> str:
        """Returns the description of a live name, possibly empty.

        Raises:
            KeyError: there is no such name.
        """
        found = self.find(name)
        if found is None:
            raise KeyError(name)
        return self.segments[found[0]].descriptions[found[1]]

    @cached_property
    def _parts(self) -> list[nearest.Part]:
        """Returns the segments as they are searched."""
        parts = []
        for segment, row, first in zip(
            self.segments, self._first_row.tolist(), self._first_sequence.tolist(), strict=False
        ):
            alive = None
            if self._searched is not None:
                here = self._searched[first : first + segment.info.n_sequences]
                alive = None if here.all() else np.repeat(here, np.diff(segment.first_rows))
            index = GpuIndex(segment.rows) if self._on_gpu else segment.index
            parts.append(nearest.Part(row, segment.rows, index, alive))
        return parts

    def search(
        self, vectors: NDArray[np.float32], k: int, floor: float = topk.NO_SCORE
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns the k nearest windows of each vector by cosine.

        Args:
            vectors: (m, d) float32 unit rows.
            k: results a vector, at least 1.
            floor: windows of lower cosines are left out.

        Returns:
            (m, k) float32 cosines and (m, k) int64 rows, by (cosine descending, row ascending); -inf and -1
            where there are fewer than k.

        Raises:
            ValueError: the vectors are of another length, or not finite.
        """
        queries = np.ascontiguousarray(vectors, dtype=np.float32)
        check_vectors(queries, self.manifest.dimension)
        return nearest.search(self._parts, queries, k, floor)

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

    def _place(self, sequence: int) -> tuple[Segment, int, int]:
        """Returns the segment of a sequence, its number there, and the segment's number.

        Raises:
            IndexError: there is no such sequence.
        """
        if not 0 <= sequence < self.n_sequences:
            raise IndexError(f"sequence numbers run from 0 to {self.n_sequences - 1}, not to {sequence}")
        number = int(np.searchsorted(self._first_sequence, sequence, side="right")) - 1
        return self.segments[number], sequence - int(self._first_sequence[number]), number

    def rows_of(self, sequence: int) -> NDArray[np.int64]:
        """Returns the rows of the windows of a sequence, by position; a near copy has none.

        Raises:
            IndexError: there is no such sequence.
        """
        segment, local, number = self._place(sequence)
        low, high = segment.first_rows[local : local + 2].tolist()
        return np.arange(low, high, dtype=np.int64) + int(self._first_row[number])

    def vectors(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Returns (n, d) float32 stored unit vectors of windows, in the order of ``rows``."""
        numbers = np.asarray(rows, dtype=np.int64)
        out = np.empty((len(numbers), self.manifest.dimension), dtype=np.float32)
        for segment, places, local in self._by_segment(numbers, self._first_row):
            out[places] = self.segments[segment].rows.take(local)
        return out

    def stored(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Returns (n, packed_size(d)) uint8 codes and (n,) scales of windows as they are stored."""
        codes = np.empty((len(rows), packed_size(self.manifest.dimension)), dtype=np.uint8)
        scales = np.empty(len(rows), dtype=np.float32)
        for segment, places, local in self._by_segment(rows, self._first_row):
            codes[places] = self.segments[segment].rows.codes[local]
            scales[places] = self.segments[segment].rows.scales[local]
        return codes, scales

    def windows(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Returns sequence number, start and end (0-based, half-open), each (n,) int64, of windows."""
        numbers = np.asarray(rows, dtype=np.int64)
        sequence, start, end = np.empty((3, len(numbers)), dtype=np.int64)
        window, stride = self.manifest.window, self.manifest.stride
        for number, places, local in self._by_segment(numbers, self._first_row):
            segment = self.segments[number]
            # a sequence without windows begins where the next one does, so the last one that begins there has the row
            own = np.searchsorted(segment.first_rows, local, side="right") - 1
            length = segment.lengths[own].astype(np.int64)
            # as `tile` lays them: the last window ends flush with the sequence
            begin = np.minimum((local - segment.first_rows[own]) * stride, np.maximum(length - window, 0))
            sequence[places] = own + self._first_sequence[number]
            start[places] = begin
            end[places] = np.minimum(begin + window, length)
        return sequence, start, end

    def fetch(self, sequence: int, start: int = 0, end: int | None = None) -> str:
        """Returns letters of the plus strand of a sequence, 0-based and half-open, cut at its ends.

        Raises:
            IndexError: there is no such sequence.
        """
        segment, local, _ = self._place(sequence)
        length = int(segment.lengths[local])
        stop = length if end is None else min(end, length)
        return segment.letters.fetch(local, max(start, 0), stop)
