"""Stored vectors: unit rows of 4-bit integers, memory-mapped, and their exact cosines.

Row ``i`` is a unit vector: integers of -7 to 7 times ``scales[i]``, which is one over their length, so that rounding
moves the direction only. The components above a share of the largest one are clipped to 7; the share is the one that
moves the row's direction least. A byte holds an axis of the first half below one of the second half, each with 8 added.
A cosine is the same number however rows are ordered or spread over files: each is a product of its own.
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
    Take = Callable[[int, int], tuple[NDArray[np.uint8], NDArray[np.float32]]]

CODES = "vectors.npy"
SCALES = "scales.npy"
_LARGEST, _OFFSET = 7, 8
# of the largest component of a row: what becomes the largest integer. Gaussian rows do best with a half to 0.8.
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
# rows converted at once: 128 of 1,024 numbers are half a MiB as float32 and stay in the processor's cache
_CHUNK = 128
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


def packed_size(dimension: int) -> int:
    """Returns the bytes of a row of so many axes."""
    return -(-dimension // 2)


def quantise(vectors: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Returns (n, packed_size(d)) uint8 codes and (n,) float32 scales of unit rows.

    Raises:
        ValueError: a row is zero.
    """
    values = vectors.astype(np.float32)
    largest = np.abs(values).max(axis=1, initial=0.0)
    if (largest == 0).any():
        raise ValueError("a vector is zero")
    values /= largest[:, None]
    best = np.zeros_like(values)
    most = np.full(len(values), -1.0)
    for share in _SHARES:
        codes = np.clip(np.rint(values * np.float32(_LARGEST / share)), -_LARGEST, _LARGEST)
        cosines = np.vecdot(codes, values) / np.linalg.norm(codes, axis=1)
        # a row that was stored before keeps its integers
        better = cosines > most + 1e-6
        best[better], most[better] = codes[better], cosines[better]
    scales = 1.0 / np.sqrt(np.square(best, dtype=np.float64).sum(axis=1))
    half = packed_size(values.shape[1])
    shifted = np.full((len(best), 2 * half), _OFFSET, dtype=np.uint8)
    shifted[:, : best.shape[1]] += best.astype(np.int8).view(np.uint8)
    packed: NDArray[np.uint8] = shifted[:, :half] | np.left_shift(shifted[:, half:], 4, dtype=np.uint8)
    return packed, scales.astype(np.float32)


def unpack(codes: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Writes the integers of packed rows (n, packed_size(d)) into `out` (n, d)."""
    unpack_shifted(codes, out, np.empty_like(codes))
    out -= _OFFSET


def unpack_shifted(codes: NDArray[np.uint8], out: NDArray[np.float32], scratch: NDArray[np.uint8]) -> None:
    """Writes the integers of packed rows, as stored above an offset, into `out`; `scratch` is shaped as the codes."""
    half = codes.shape[1]
    np.bitwise_and(codes, 15, out=scratch)
    np.copyto(out[:, :half], scratch)
    np.right_shift(codes, 4, out=scratch)
    np.copyto(out[:, half:], scratch[:, : out.shape[1] - half])


class Rows:
    """The stored rows of a segment.

    Args:
        codes: (n, packed_size(d)) uint8.
        scales: (n,) float32.
        dimension: length of a row.
    """

    def __init__(self, codes: NDArray[np.uint8], scales: NDArray[np.float32], dimension: int) -> None:
        self.codes = codes
        self.scales = scales
        self.dimension = dimension

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.codes)

    @classmethod
    def of(cls, vectors: NDArray[np.floating]) -> Rows:
        """Returns rows in memory.

        Raises:
            ValueError: a row is zero, or a number is not finite.
        """
        check_vectors(vectors, vectors.shape[-1])
        return cls(*quantise(vectors), vectors.shape[1])

    @classmethod
    def read(cls, directory: Path, dimension: int) -> Rows:
        """Returns the rows of a directory, memory-mapped."""
        return cls(np.load(directory / CODES, mmap_mode="r"), np.load(directory / SCALES, mmap_mode="r"), dimension)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns (m, d) float32 unit vectors of some rows."""
        return self._unit(self.codes[rows], self.scales[rows])

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Gives all rows in order as float32 unit vectors, block by block."""
        for start in range(0, len(self), BLOCK):
            yield self._unit(self.codes[start : start + BLOCK], self.scales[start : start + BLOCK])

    def _unit(self, codes: NDArray[np.uint8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
        vectors = np.empty((len(codes), self.dimension), dtype=np.float32)
        unpack(codes, vectors)
        vectors *= scales[:, None]
        return vectors

    def cosines(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns (m,) float32 inner products of a (d,) vector with some rows."""
        out = np.empty(len(rows), dtype=np.float32)
        codes, scratch = np.empty((2, min(_CHUNK, len(rows)), self.codes.shape[1]), dtype=np.uint8)
        numbers = np.empty((len(codes), self.dimension), dtype=np.float32)
        for start in range(0, len(rows), _CHUNK):
            chosen = rows[start : start + _CHUNK]
            here, part = codes[: len(chosen)], numbers[: len(chosen)]
            # with "raise" numpy would go through a copy
            np.take(self.codes, chosen, axis=0, out=here, mode="clip")
            unpack_shifted(here, part, scratch[: len(chosen)])
            np.vecdot(part, query, out=out[start : start + len(chosen)])
        # the offset is the same in every product
        out -= np.float32(_OFFSET * query.sum(dtype=np.float64))
        out *= self.scales[rows]
        return out


def write_rows(
    directory: Path,
    take: Callable[[int, int], tuple[NDArray[np.uint8], NDArray[np.float32]]],
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
    codes = new_array(directory / CODES, np.uint8, (total, packed_size(dimension)))
    scales = new_array(directory / SCALES, np.float32, (total,))
    for start in range(0, total, BLOCK):
        end = min(start + BLOCK, total)
        codes[start:end], scales[start:end] = take(start, end)
    codes.flush()
    scales.flush()
    return Rows.read(directory, dimension)
