"""Exact search: every vector is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from rhoma.index import topk
from rhoma.index.protocol import Kind, check_vectors, read_vectors, write_vectors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# 32,768 vectors of 512 numbers are 64 MiB as float32: they are converted block by block.
_BLOCK = 32_768
_QUERIES = 256


class FlatIndex:
    """A matrix of unit rows, on disk or in memory.

    Args:
        dimension: length of a vector.
        vectors: (n, dimension) fp16 rows to start with.
    """

    kind: ClassVar[Kind] = "flat"

    def __init__(self, dimension: int, vectors: NDArray[np.float16] | None = None) -> None:
        self.dimension = dimension
        self._vectors = np.empty((0, dimension), dtype=np.float16) if vectors is None else vectors

    def __len__(self) -> int:
        """Returns the number of vectors."""
        return len(self._vectors)

    def add(self, vectors: NDArray[np.floating]) -> None:
        """Adds (n, d) unit rows."""
        check_vectors(vectors, self.dimension)
        rows = vectors.astype(np.float16, copy=False)
        self._vectors = rows if not len(self._vectors) else np.concatenate([self._vectors, rows])

    def search(
        self, queries: NDArray[np.float32], k: int, *, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns the exact best k; see ``VectorIndex.search``."""
        check_vectors(queries, self.dimension)
        found = topk.empty(len(queries), k)
        for start in range(0, len(self), _BLOCK):
            block = self._vectors[start : start + _BLOCK].astype(np.float32)
            dead = None if alive is None else ~alive[start : start + _BLOCK]
            here = topk.empty(len(queries), k)
            for first in range(0, len(queries), _QUERIES):
                scores = queries[first : first + _QUERIES] @ block.T
                if dead is not None:
                    scores[:, dead] = topk.NO_SCORE
                for number, row in enumerate(scores, first):
                    places = topk.best(row, k)
                    here[0][number, : len(places)] = row[places]
                    here[1][number, : len(places)] = places + start
            found = topk.merge([found, here], k)
        return found

    def write(self, directory: Path) -> None:
        """Writes the vectors; there is nothing else."""
        write_vectors(directory, self._vectors)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Returns the index over the vectors of a directory, memory-mapped."""
        vectors = read_vectors(directory)
        return cls(vectors.shape[1], vectors)
