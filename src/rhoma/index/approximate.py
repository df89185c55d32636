"""What the approximate indexes share: distinct vectors only, and exact scores of what they find.

Graphs and lists of faiss lose most of their recall where many vectors are the same, so equal vectors go in
once and are expanded afterwards. The candidates are scored again with the fp16 vectors, so that scores are
exact whatever the codec, and ties are broken by row.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from rhoma.index import topk
from rhoma.index.protocol import ANN, check_vectors, read_vectors, write_vectors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

GROUPS = "ann.groups.npy"
_BLOCK = 65_536


def distinct(vectors: NDArray[np.float16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the first rows of distinct vectors, and for every row the number of its distinct vector."""
    numbers: dict[bytes, int] = {}
    firsts: list[int] = []
    groups = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK):
        for row, vector in enumerate(np.ascontiguousarray(vectors[start : start + _BLOCK]), start):
            key = hashlib.blake2b(vector.tobytes(), digest_size=16).digest()
            number = numbers.setdefault(key, len(numbers))
            if number == len(firsts):
                firsts.append(row)
            groups[row] = number
    return np.array(firsts, dtype=np.int64), groups


def faiss_module() -> Any:
    """Returns the module faiss, untyped: its own stubs lack what is used here."""
    import faiss

    return faiss


class Expansion:
    """The rows of each distinct vector.

    Args:
        groups: (n,) the number of the distinct vector of each row.
    """

    def __init__(self, groups: NDArray[np.int64]) -> None:
        self._rows = np.argsort(groups, kind="stable")
        self._first = np.concatenate([[0], np.cumsum(np.bincount(groups))]).astype(np.int64)

    def __len__(self) -> int:
        """Returns the number of distinct vectors."""
        return len(self._first) - 1

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns all rows of some distinct vectors, in no special order."""
        counts = self._first[numbers + 1] - self._first[numbers]
        shift = np.repeat(self._first[numbers] - (np.cumsum(counts) - counts), counts)
        rows: NDArray[np.int64] = self._rows[np.arange(int(counts.sum()), dtype=np.int64) + shift]
        return rows

    def any_of(self, alive: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Returns which distinct vectors have a live row."""
        return np.logical_or.reduceat(alive[self._rows], self._first[:-1])


class FaissIndex:
    """An approximate index of faiss over distinct vectors, with exact scores.

    Args:
        dimension: length of a vector.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._vectors = np.empty((0, dimension), dtype=np.float16)
        self._groups = np.empty(0, dtype=np.int64)
        self._expansion: Expansion | None = None
        self._ann: Any = None

    def __len__(self) -> int:
        """Returns the number of vectors."""
        return len(self._vectors)

    def _make(self, vectors: NDArray[np.float32]) -> Any:
        """Returns the faiss index of distinct vectors."""
        raise NotImplementedError

    def _parameters(self, wanted: int, selector: Any) -> Any:
        """Returns the search parameters of faiss for so many results."""
        raise NotImplementedError

    def _candidates(self, k: int) -> int:
        """Returns how many distinct vectors to ask for, before exact scores choose k."""
        return k

    def add(self, vectors: NDArray[np.floating]) -> None:
        """Adds (n, d) unit rows, once.

        Raises:
            ValueError: there are vectors already; such an index grows by segments.
        """
        check_vectors(vectors, self.dimension)
        if len(self):
            raise ValueError("an approximate index takes its vectors once; add a segment instead")
        if not len(vectors):
            return
        self._vectors = vectors.astype(np.float16, copy=False)
        firsts, self._groups = distinct(self._vectors)
        self._ann = self._make(self._vectors[firsts].astype(np.float32))

    def search(
        self, queries: NDArray[np.float32], k: int, *, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns the best k of those the index meets; see ``VectorIndex.search``."""
        faiss = faiss_module()
        check_vectors(queries, self.dimension)
        found = topk.empty(len(queries), k)
        if not len(self) or not len(queries):
            return found
        if self._expansion is None:
            self._expansion = Expansion(self._groups)
        wanted = min(self._candidates(k), len(self._expansion))
        selector = None
        if alive is not None:
            bits = np.packbits(self._expansion.any_of(alive), bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        _, numbers = self._ann.search(np.ascontiguousarray(queries), wanted, params=self._parameters(wanted, selector))
        for query, near in enumerate(numbers):
            rows = np.sort(self._expansion.rows(near[near >= 0]))
            if alive is not None:
                rows = rows[alive[rows]]
            scores = self._vectors[rows].astype(np.float32) @ queries[query]
            places = topk.best(scores, k)
            found[0][query, : len(places)] = scores[places]
            found[1][query, : len(places)] = rows[places]
        return found

    def write(self, directory: Path) -> None:
        """Writes the faiss index, the groups of equal vectors, and the vectors where they are missing."""
        write_vectors(directory, self._vectors)
        np.save(directory / GROUPS, self._groups.astype(np.int32))
        if self._ann is not None:
            faiss_module().write_index(self._ann, str(directory / ANN))

    def _load(self, directory: Path) -> None:
        """Fills the index from a directory."""
        self._vectors = read_vectors(directory)
        self._groups = np.load(directory / GROUPS).astype(np.int64)
        if len(self._vectors):
            self._ann = faiss_module().read_index(str(directory / ANN))
