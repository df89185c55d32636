"""One segment of an index: written once, read memory-mapped.

Sequences are numbered within the segment; a near copy follows the sequence that represents it. Where a number
may lead to another segment (of a name whose sequence was there before, of a near copy of such a one) it counts
from the first sequence of this segment, so that it is negative for earlier ones. Files:

* ``lengths.npy``, ``letters.2bit``, ``letters.others.npy``: the distinct sequences.
* ``digests.npy``: 64 bits of the digest of each, to recognise exact copies.
* ``names.*``, ``descriptions.*``, ``members.npy``: all names, by the sequence they lead to.
* ``copies.npy``: representatives, ascending, and under each its near copy. Near copies have no windows.
* ``vectors.npy``, ``scales.npy``: the windows of all others, in order.
* ``approximate.faiss``, ``groups.npy``: an approximate index of these.
* ``deleted.<generation>.npy``: numbers of deleted names, ascending.
"""

from __future__ import annotations

import hashlib
import logging
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import ArtefactError
from rhoma.index.approximate import coarse_class
from rhoma.index.flat import FlatIndex
from rhoma.index.letters import PACKED, Letters, write_letters
from rhoma.index.names import Names, Texts, write_names, write_texts
from rhoma.index.rows import Rows, packed_size, write_rows
from rhoma.manifest import SegmentInfo
from rhoma.windows import count_windows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rhoma.index.approximate import Codebook
    from rhoma.index.contents import Contents
    from rhoma.index.protocol import VectorIndex
    from rhoma.index.rows import Take

logger = logging.getLogger(__name__)


def short_digest(sequence: str) -> int:
    """Returns 64 bits that stand for a sequence: equal ones have the same, others rarely."""
    return int.from_bytes(hashlib.blake2b(sequence.encode("ascii"), digest_size=8).digest(), "little")


def write_contents(directory: Path, contents: Contents) -> None:
    """Writes everything of a segment but its vectors into a directory."""
    sequences, members = contents.sequences, contents.members
    np.save(directory / "lengths.npy", np.array([len(sequence) for sequence in sequences], dtype=np.int32))
    np.save(directory / "digests.npy", np.array([short_digest(sequence) for sequence in sequences], dtype=np.uint64))
    write_letters(directory, sequences)
    write_names(directory, [member.name for member in members])
    write_texts(directory, "descriptions", [member.description for member in members])
    np.save(directory / "members.npy", np.array([member.sequence for member in members], dtype=np.int32))
    np.save(directory / "copies.npy", contents.copies.astype(np.int32))


def write_vectors(
    directory: Path,
    take: Take,
    total: int,
    dimension: int,
    codebook: Codebook | None,
) -> None:
    """Writes the vectors of a segment and, with a codebook, an approximate index of them.

    Args:
        directory: where to write.
        take: returns codes and scales of the windows from one number to another.
        total: number of windows.
        dimension: length of a vector.
        codebook: what approximate indexes share; None for exact search.
    """
    rows = write_rows(directory, take, total, dimension)
    if codebook is not None and total:
        logger.info("%s index of %d vectors", codebook.kind, total)
        coarse_class(codebook.kind).make(codebook, rows).write(directory)


def describe(directory: Path, name: str, *, n_windows: int, codebook: Codebook | None) -> SegmentInfo:
    """Returns the entry of a segment of this id that was written into a directory."""
    return SegmentInfo(
        id=name,
        kind="flat" if codebook is None or not n_windows else codebook.kind,
        n_sequences=len(np.load(directory / "lengths.npy", mmap_mode="r")),
        n_represented=np.load(directory / "copies.npy", mmap_mode="r").shape[1],
        n_windows=n_windows,
        n_names=len(np.load(directory / "members.npy", mmap_mode="r")),
    )


def _run(ascending: NDArray[np.integer], value: int) -> tuple[int, int]:
    """Returns where the run of a value begins and ends."""
    # of the same type, or numpy would convert the whole array
    low, high = np.searchsorted(ascending, np.array([value, value + 1], dtype=ascending.dtype)).tolist()
    return low, high


class Segment:
    """An open segment.

    Args:
        directory: its directory.
        info: its entry in the manifest of the index.
        dimension: length of a vector.
        window: length of a window.
        stride: distance of windows.

    Attributes:
        lengths: (n,) int32 lengths of its sequences.
        names: its names.
        members: (m,) int32, ascending: the sequence of each name, which may be one of an earlier segment.
        copies: (2, c) int32: representatives, ascending, which may be of an earlier segment, and near copies.
        rows: its vectors.

    Raises:
        ArtefactError: the files do not fit the entry.
    """

    def __init__(self, directory: Path, info: SegmentInfo, *, dimension: int, window: int, stride: int) -> None:
        self.directory = directory
        self.info = info
        self._shape = (window, stride)
        self.lengths = self._load("lengths")
        self.members = self._load("members")
        self.copies = self._load("copies")
        self.names = Names(directory)
        self.rows = Rows.read(directory, dimension)
        packed = (directory / PACKED).stat().st_size
        fits = (
            self.rows.codes.shape == (info.n_windows, packed_size(dimension))
            and self.rows.codes.dtype == np.uint8
            and self.rows.scales.shape == (info.n_windows,)
            and self.lengths.shape == (info.n_sequences,)
            and self.copies.shape == (2, info.n_represented)
            and self.members.shape == (info.n_names,)
            and len(self.names) == info.n_names
            and int(self.first_rows[-1]) == info.n_windows
            and packed == self.letters.n_bytes
        )
        if not fits:
            raise ArtefactError("does not fit the manifest", path=directory, remedy="make the index again")

    def _load(self, name: str) -> NDArray[np.integer]:
        array: NDArray[np.integer] = np.load(self.directory / f"{name}.npy", mmap_mode="r")
        return array

    @cached_property
    def first_rows(self) -> NDArray[np.int64]:
        """Returns (n + 1,) int64: the windows of sequence i are the rows ``first_rows[i]:first_rows[i + 1]``."""
        counts = count_windows(self.lengths, *self._shape)
        counts[self.copies[1]] = 0
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @cached_property
    def letters(self) -> Letters:
        """Returns the letters of its sequences."""
        return Letters(self.directory, np.cumsum(self.lengths, dtype=np.int64))

    @cached_property
    def descriptions(self) -> Texts:
        """Returns the descriptions of its names."""
        return Texts(self.directory, "descriptions")

    @cached_property
    def digests(self) -> NDArray[np.uint64]:
        """Returns (n,) uint64 digests of its sequences."""
        return self._load("digests").astype(np.uint64)

    @cached_property
    def deleted(self) -> NDArray[np.int64]:
        """Returns the numbers of its deleted names, ascending."""
        if self.info.deleted is None:
            return np.empty(0, dtype=np.int64)
        numbers: NDArray[np.int64] = np.load(self.directory.parent.parent / self.info.deleted)
        return numbers

    @cached_property
    def index(self) -> VectorIndex:
        """Returns the vector index, which is read when it is first used."""
        return FlatIndex(self.rows) if self.info.kind == "flat" else coarse_class(self.info.kind).read(self.directory)

    def is_deleted(self, member: int) -> bool:
        """Returns whether a name was deleted."""
        place = int(np.searchsorted(self.deleted, member))
        return place < len(self.deleted) and int(self.deleted[place]) == member

    def live_members(self, sequence: int) -> Iterator[int]:
        """Gives the numbers of the live names of a sequence, which may be one of an earlier segment."""
        low, high = _run(self.members, sequence)
        return (member for member in range(low, high) if not self.is_deleted(member))

    def represented(self, sequence: int) -> NDArray[np.int64]:
        """Returns the near copies in this segment of a sequence, which may be one of an earlier segment."""
        low, high = _run(self.copies[0], sequence)
        return self.copies[1, low:high].astype(np.int64)

    def live_names(self) -> NDArray[np.bool_]:
        """Returns (m,) which names are live."""
        live = np.ones(len(self.members), dtype=np.bool_)
        live[self.deleted] = False
        return live
