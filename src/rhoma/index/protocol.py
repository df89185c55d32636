"""What every vector index can do: hold unit rows, and find the nearest of a query by cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Kind = Literal["flat", "hnsw", "ivfpq"]
VECTORS = "vectors.npy"
ANN = "ann.faiss"


class VectorIndex(Protocol):
    """Unit vectors, numbered from 0 in the order they were added, with their nearest neighbours by cosine.

    Vectors are kept as fp16; scores are float32 inner products with these.
    """

    kind: ClassVar[Kind]

    def __len__(self) -> int:
        """Returns the number of vectors."""

    def add(self, vectors: NDArray[np.floating]) -> None:
        """Adds (n, d) unit rows; approximate indexes take them once."""

    def search(
        self, queries: NDArray[np.float32], k: int, *, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns the best k by (score descending, row ascending).

        Args:
            queries: (m, d) float32 unit rows.
            k: results a query, at least 1.
            alive: (n,) rows that may be found; all, where it is None.

        Returns:
            (m, k) float32 scores and (m, k) int64 rows; -inf and -1 where there are fewer than k.
        """

    def write(self, directory: Path) -> None:
        """Writes the files of the index into a directory; ``vectors.npy`` only where it is not there yet."""

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Returns the index of a directory; its vectors stay on disk as far as possible."""


def check_vectors(vectors: NDArray[np.floating], dimension: int) -> None:
    """Checks rows before they are added or searched.

    Raises:
        ValueError: the shape is not (n, dimension), or a number is not finite.
    """
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise ValueError(f"vectors have the shape {vectors.shape}, not (n, {dimension})")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors hold numbers that are not finite")


def write_vectors(directory: Path, vectors: NDArray[np.float16]) -> None:
    """Writes ``vectors.npy`` unless the directory has one."""
    if not (directory / VECTORS).exists():
        np.save(directory / VECTORS, vectors)


def read_vectors(directory: Path) -> NDArray[np.float16]:
    """Returns the vectors of a directory, memory-mapped."""
    vectors: NDArray[np.float16] = np.load(directory / VECTORS, mmap_mode="r")
    return vectors
