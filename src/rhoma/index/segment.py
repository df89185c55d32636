"""One segment of an index: written once, read memory-mapped.

Files:

* ``vectors.npy``, and ``ann.*`` for the approximate kinds.
* ``windows.parquet`` (sequence, start, end).
* ``sequences.fa`` with ``sequences.fa.fai``: the unique sequences, one line each.
* ``members.parquet`` (name, description, sequence: the number of the name's sequence in the whole index).
* ``tombstones.<generation>``: deleted names, one a line.
"""

from __future__ import annotations

import logging
import mmap
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rhoma.artifacts import new_array
from rhoma.errors import ArtefactError
from rhoma.index.protocol import VECTORS, read_vectors
from rhoma.manifest import SegmentInfo
from rhoma.windows import Windows, tile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rhoma.index.protocol import Kind, VectorIndex

logger = logging.getLogger(__name__)

SEQUENCES = "sequences.fa"
FLAT_BELOW = 100_000
_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Member:
    """A name that leads to a sequence.

    Attributes:
        name: the name.
        description: the rest of its header.
        sequence: number of the sequence in the whole index.
    """

    name: str
    description: str
    sequence: int


def vector_index(kind: Kind) -> type[VectorIndex]:
    """Returns the class of a kind of vector index."""
    if kind == "hnsw":
        from rhoma.index.hnsw import HnswIndex

        return HnswIndex
    if kind == "ivfpq":
        from rhoma.index.ivfpq import IvfPqIndex

        return IvfPqIndex
    from rhoma.index.flat import FlatIndex

    return FlatIndex


def choose_kind(wanted: str, n_windows: int) -> Kind:
    """Returns the kind for so many windows: ``auto`` is flat below 100,000 and HNSW from there."""
    if n_windows and wanted in ("hnsw", "ivfpq"):
        return "hnsw" if wanted == "hnsw" else "ivfpq"
    return "flat" if wanted != "auto" or n_windows < FLAT_BELOW else "hnsw"


def _write_sequences(directory: Path, names: Sequence[str], sequences: Sequence[str]) -> None:
    offset = 0
    with (
        open(directory / SEQUENCES, "w", encoding="utf-8", newline="\n") as fasta,
        open(directory / f"{SEQUENCES}.fai", "w", encoding="utf-8", newline="\n") as index,
    ):
        for name, sequence in zip(names, sequences, strict=True):
            offset += len(name.encode("utf-8")) + 2
            fasta.write(f">{name}\n{sequence}\n")
            index.write(f"{name}\t{len(sequence)}\t{offset}\t{len(sequence)}\t{len(sequence) + 1}\n")
            offset += len(sequence) + 1


def write_segment(
    directory: Path,
    names: Sequence[str],
    sequences: Sequence[str],
    members: Sequence[Member],
    take: Callable[[int, int], NDArray[np.float16]],
    *,
    kind: str,
    dimension: int,
    window: int,
    stride: int,
) -> SegmentInfo:
    """Returns the description of the segment it has written into an empty directory, whose name is its id.

    Args:
        directory: where to write.
        names: the first name of each unique sequence.
        sequences: the unique sequences.
        members: all names that come with the segment.
        take: returns the vectors of the windows from one number to another.
        kind: the vector index, or ``auto``.
        dimension: length of a vector.
        window: length of a window.
        stride: distance of windows.
    """
    import polars as pl

    windows = tile([len(sequence) for sequence in sequences], window, stride)
    total = len(windows)
    chosen = choose_kind(kind, total)
    _write_sequences(directory, names, sequences)
    pl.DataFrame(
        {"sequence": windows.sequence, "start": windows.start, "end": windows.end},
        schema={"sequence": pl.Int32, "start": pl.Int32, "end": pl.Int32},
    ).write_parquet(directory / "windows.parquet")
    pl.DataFrame(
        {
            "name": [member.name for member in members],
            "description": [member.description for member in members],
            "sequence": [member.sequence for member in members],
        },
        schema={"name": pl.String, "description": pl.String, "sequence": pl.Int64},
    ).write_parquet(directory / "members.parquet")
    vectors = new_array(directory / VECTORS, np.float16, (total, dimension))
    for start in range(0, total, _BLOCK):
        vectors[start : start + _BLOCK] = take(start, min(start + _BLOCK, total))
    vectors.flush()
    logger.info("%s index of %d vectors", chosen, total)
    index = vector_index(chosen)(dimension)  # type: ignore[call-arg]
    index.add(vectors)
    index.write(directory)
    return SegmentInfo(
        id=directory.name, kind=chosen, n_sequences=len(sequences), n_windows=total, n_names=len(members)
    )


class Segment:
    """An open segment.

    Args:
        directory: its directory.
        info: its entry in the manifest of the index.
        dimension: length of a vector.

    Attributes:
        windows: table of its windows, sequences numbered within the segment.
        lengths: (n,) int64 lengths of its sequences.

    Raises:
        ArtefactError: the files do not fit the entry.
    """

    def __init__(self, directory: Path, info: SegmentInfo, dimension: int) -> None:
        import polars as pl

        self.directory = directory
        self.info = info
        table = pl.read_parquet(directory / "windows.parquet")
        self.windows = Windows(*(table[name].to_numpy() for name in ("sequence", "start", "end")))
        self.vectors = read_vectors(directory)
        entries = (directory / f"{SEQUENCES}.fai").read_text(encoding="utf-8").splitlines()
        fields = [line.rsplit("\t", 4) for line in entries]
        self.lengths = np.array([int(field[1]) for field in fields], dtype=np.int64)
        self._offsets = [int(field[2]) for field in fields]
        fits = (
            self.vectors.shape == (info.n_windows, dimension)
            and self.vectors.dtype == np.float16
            and len(self.windows) == info.n_windows
            and len(self.lengths) == info.n_sequences
        )
        if not fits:
            raise ArtefactError("does not fit the manifest", path=directory, remedy="make the index again")

    @cached_property
    def members(self) -> list[Member]:
        """Returns all names of the segment, deleted ones included, in input order."""
        import polars as pl

        table = pl.read_parquet(self.directory / "members.parquet")
        return [Member(*row) for row in table.select("name", "description", "sequence").iter_rows()]

    @cached_property
    def deleted(self) -> frozenset[str]:
        """Returns the deleted names of the segment."""
        if self.info.tombstones is None:
            return frozenset()
        path = self.directory.parent.parent / self.info.tombstones
        return frozenset(path.read_text(encoding="utf-8").split("\n")[:-1])

    @cached_property
    def index(self) -> VectorIndex:
        """Returns the vector index, which is read when it is first used."""
        return vector_index(self.info.kind).read(self.directory)

    @cached_property
    def _text(self) -> bytes | mmap.mmap:
        with open(self.directory / SEQUENCES, "rb") as handle:
            return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) if len(self.lengths) else b""

    def fetch(self, sequence: int, start: int, end: int) -> str:
        """Returns letters of a sequence of the segment, 0-based and half-open."""
        offset = self._offsets[sequence]
        return self._text[offset + start : offset + end].decode("ascii")
