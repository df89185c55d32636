"""What the approximate indexes share: a codebook trained once for all segments, and faiss's lists of candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from rhoma.index.rows import BLOCK

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rhoma.index.protocol import Kind, Near
    from rhoma.index.rows import Rows

FAISS = "approximate.faiss"
GROUPS = "groups.npy"
CODEBOOK = "codebook.faiss"


def faiss_module() -> Any:
    """Returns the module faiss, untyped: its own stubs lack what is used here."""
    import faiss

    return faiss


def training_rows(sample: NDArray[np.float32], centroids: int) -> NDArray[np.float32]:
    """Returns enough rows for faiss, which refuses to train fewer than centroids: those there are, repeated."""
    return sample if len(sample) >= centroids else np.resize(sample, (centroids, sample.shape[1]))


@dataclass(frozen=True)
class Codebook:
    """What approximate indexes of all segments share.

    Attributes:
        kind: the index it is for.
        empty: a trained index of faiss without rows.
    """

    kind: Kind
    empty: Any

    @classmethod
    def train(cls, kind: Kind, sample: NDArray[np.float32], total: int) -> Codebook:
        """Returns the codebook of a sample, the same for the same sample.

        Args:
            kind: an approximate index.
            sample: (s, d) unit rows, at least one.
            total: rows that all segments will hold.
        """
        return cls(kind, coarse_class(kind).train(np.ascontiguousarray(sample), total))

    def write(self, directory: Path) -> None:
        """Writes the codebook into a directory."""
        faiss_module().write_index(self.empty, str(directory / CODEBOOK))

    @classmethod
    def read(cls, directory: Path, kind: Kind) -> Codebook:
        """Returns the codebook of a directory."""
        return cls(kind, faiss_module().read_index(str(directory / CODEBOOK)))


class Coarse:
    """The approximate index of a segment.

    Args:
        ann: an index of faiss with the rows of the segment.
        groups: (n,) which of the rows of ``ann`` each row is equal to; None where ``ann`` holds them all.
    """

    kind: ClassVar[Kind]
    tolerance: ClassVar[float] = 0.0
    exhaustive: ClassVar[bool] = False
    distinct_only: ClassVar[bool] = False

    def __init__(self, ann: Any, groups: NDArray[np.integer] | None = None) -> None:
        self._ann = ann
        self._groups = groups
        self._expansion = None if groups is None else Expansion(groups)

    def __len__(self) -> int:
        """Returns the number of rows."""
        return int(self._ann.ntotal) if self._groups is None else len(self._groups)

    @classmethod
    def train(cls, sample: NDArray[np.float32], total: int) -> Any:
        """Returns a trained index of faiss without rows, for so many."""
        raise NotImplementedError

    def wanted(self, k: int, total: int) -> int:
        """Returns how many rows to score exactly."""
        raise NotImplementedError

    def _parameters(self, count: int) -> Any:
        """Returns faiss's parameters of a search for so many rows; None where it takes none."""
        return None

    @classmethod
    def make(cls, codebook: Codebook, rows: Rows) -> Self:
        """Returns the index of stored rows."""
        ann = faiss_module().clone_index(codebook.empty)
        if cls.distinct_only:
            firsts, groups = distinct(rows)
            for start in range(0, len(firsts), BLOCK):
                ann.add(rows.take(firsts[start : start + BLOCK]))
            return cls(ann, groups)
        for block in rows.blocks():
            ann.add(block)
        return cls(ann)

    def nearest(self, queries: NDArray[np.float32], count: int) -> list[Near]:
        """Returns the rows of the best approximate scores; see ``VectorIndex.nearest``."""
        asked = min(count, int(self._ann.ntotal))
        scores, numbers = self._ann.search(np.ascontiguousarray(queries), asked, params=self._parameters(asked))
        found: list[Near] = []
        for line, near in zip(scores, numbers, strict=True):
            kept = near >= 0
            if self._expansion is None:
                found.append((line[kept], near[kept]))
            else:
                found.append(self._expansion.expand(line[kept], near[kept]))
        return found

    def write(self, directory: Path) -> None:
        """Writes the files of the index into a directory."""
        faiss_module().write_index(self._ann, str(directory / FAISS))
        if self._groups is not None:
            np.save(directory / GROUPS, self._groups.astype(np.int32))

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Returns the index of a directory."""
        groups = np.load(directory / GROUPS) if cls.distinct_only else None
        return cls(faiss_module().read_index(str(directory / FAISS)), groups)


def coarse_class(kind: Kind) -> type[Coarse]:
    """Returns the class of an approximate index."""
    if kind == "pq":
        from rhoma.index.pq import PqIndex

        return PqIndex
    if kind == "hnsw":
        from rhoma.index.hnsw import HnswIndex

        return HnswIndex
    if kind == "ivfpq":
        from rhoma.index.ivfpq import IvfPqIndex

        return IvfPqIndex
    raise ValueError(f"an index of kind {kind} is not approximate")


def distinct(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the first rows of distinct vectors, and for every row the number of its distinct vector."""
    keys = np.ascontiguousarray(rows.codes).view(np.dtype((np.void, rows.codes.shape[1]))).ravel()
    _, firsts, groups = np.unique(keys, return_index=True, return_inverse=True)
    return firsts.astype(np.int64), groups.astype(np.int64)


class Expansion:
    """The rows of each distinct vector.

    Args:
        groups: (n,) the number of the distinct vector of each row.
    """

    def __init__(self, groups: NDArray[np.integer]) -> None:
        self._rows = np.argsort(groups, kind="stable")
        self._first = np.concatenate([[0], np.cumsum(np.bincount(groups))]).astype(np.int64)

    def __len__(self) -> int:
        """Returns the number of distinct vectors."""
        return len(self._first) - 1

    def expand(self, scores: NDArray[np.float32], numbers: NDArray[np.int64]) -> Near:
        """Returns all rows of some distinct vectors, each with the score of its vector."""
        counts = self._first[numbers + 1] - self._first[numbers]
        shift = np.repeat(self._first[numbers] - (np.cumsum(counts) - counts), counts)
        rows: NDArray[np.int64] = self._rows[np.arange(int(counts.sum()), dtype=np.int64) + shift]
        return np.repeat(scores, counts), rows
