"""Stored vectors: unit rows of 8-bit integers, memory-mapped, and their exact cosines.

Row ``i`` is the unit vector ``codes[i] * scales[i]``: the integers are the components over the largest of them,
times 127, and the scale is one over their length, so that rounding moves the direction only. A cosine is the
same number however rows are ordered or spread over files: each is a product of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.artifacts import new_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    # codes and scales of the rows from one number to another
    Take = Callable[[int, int], tuple[NDArray[np.int8], NDArray[np.float32]]]

CODES = "vectors.npy"
SCALES = "scales.npy"
_LARGEST = 127
# rows converted at once: 512 of 512 numbers are 1 MiB as float32 and stay in the processor's cache
_CHUNK = 512
BLOCK = 32_768


def check_vectors(vectors: NDArray[np.floating], dimension: int) -> None:
    """Checks rows before they are stored or searched.

    Raises:
        ValueError: the shape is not (n, dimension), or a number is not finite.
    """
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise ValueError(f"vectors have the shape {vectors.shape}, not (n, {dimension})")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors hold numbers that are not finite")


def quantise(vectors: NDArray[np.floating]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Returns (n, d) int8 codes and (n,) float32 scales of unit rows.

    Raises:
        ValueError: a row is zero.
    """
    values = vectors.astype(np.float32)
    largest = np.abs(values).max(axis=1, initial=0.0)
    if (largest == 0).any():
        raise ValueError("a vector is zero")
    codes = np.rint(values * (_LARGEST / largest)[:, None])
    lengths = np.sqrt(np.square(codes, dtype=np.float64).sum(axis=1))
    return codes.astype(np.int8), (1.0 / lengths).astype(np.float32)


class Rows:
    """The stored rows of a segment.

    Args:
        codes: (n, d) int8.
        scales: (n,) float32.
    """

    def __init__(self, codes: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        self.codes = codes
        self.scales = scales

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.codes)

    @property
    def dimension(self) -> int:
        """Returns the length of a row."""
        return int(self.codes.shape[1])

    @classmethod
    def of(cls, vectors: NDArray[np.floating]) -> Rows:
        """Returns rows in memory.

        Raises:
            ValueError: a row is zero, or a number is not finite.
        """
        check_vectors(vectors, vectors.shape[-1])
        return cls(*quantise(vectors))

    @classmethod
    def read(cls, directory: Path) -> Rows:
        """Returns the rows of a directory, memory-mapped."""
        return cls(np.load(directory / CODES, mmap_mode="r"), np.load(directory / SCALES, mmap_mode="r"))

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns (m, d) float32 unit vectors of some rows."""
        vectors: NDArray[np.float32] = self.codes[rows].astype(np.float32) * self.scales[rows, None]
        return vectors

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Gives all rows in order as float32 unit vectors, block by block."""
        for start in range(0, len(self), BLOCK):
            block: NDArray[np.float32] = self.codes[start : start + BLOCK].astype(np.float32)
            block *= self.scales[start : start + BLOCK, None]
            yield block

    def cosines(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns (m,) float32 inner products of a (d,) vector with some rows."""
        out = np.empty(len(rows), dtype=np.float32)
        codes = np.empty((min(_CHUNK, len(rows)), self.dimension), dtype=np.int8)
        numbers = np.empty(codes.shape, dtype=np.float32)
        for start in range(0, len(rows), _CHUNK):
            chosen = rows[start : start + _CHUNK]
            here, part = codes[: len(chosen)], numbers[: len(chosen)]
            # with "raise" numpy would go through a copy
            np.take(self.codes, chosen, axis=0, out=here, mode="clip")
            np.copyto(part, here)
            np.vecdot(part, query, out=out[start : start + len(chosen)])
        out *= self.scales[rows]
        return out


def write_rows(
    directory: Path,
    take: Callable[[int, int], tuple[NDArray[np.int8], NDArray[np.float32]]],
    total: int,
    dimension: int,
) -> Rows:
    """Returns the rows it has written into a directory.

    Args:
        directory: where to write.
        take: returns codes and scales from one row to another.
        total: number of rows.
        dimension: length of a row.

    Raises:
        InputError: the disk is full.
    """
    codes = new_array(directory / CODES, np.int8, (total, dimension))
    scales = new_array(directory / SCALES, np.float32, (total,))
    for start in range(0, total, BLOCK):
        end = min(start + BLOCK, total)
        codes[start:end], scales[start:end] = take(start, end)
    codes.flush()
    scales.flush()
    return Rows.read(directory)
