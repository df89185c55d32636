"""Approximate search in a navigable graph (HNSW): from some 100,000 vectors to tens of millions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from rhoma.index.approximate import FaissIndex, faiss_module
from rhoma.index.protocol import Kind, read_vectors

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

LINKS = 64
EF_CONSTRUCTION = 200
# Families are tight clusters, in which a narrow walk misses members.
_MIN_EF_SEARCH = 512
_EF_FACTOR = 2
_BLOCK = 65_536


class HnswIndex(FaissIndex):
    """A graph over the distinct vectors (M 64, efConstruction 200, inner product), kept as fp16."""

    kind: ClassVar[Kind] = "hnsw"

    def _make(self, vectors: NDArray[np.float32]) -> Any:
        faiss = faiss_module()
        graph = faiss.IndexHNSWSQ(self.dimension, faiss.ScalarQuantizer.QT_fp16, LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = EF_CONSTRUCTION
        graph.train(vectors[:_BLOCK])
        for start in range(0, len(vectors), _BLOCK):
            graph.add(vectors[start : start + _BLOCK])
        return graph

    def _parameters(self, wanted: int, selector: Any) -> Any:
        return faiss_module().SearchParametersHNSW(efSearch=max(_MIN_EF_SEARCH, _EF_FACTOR * wanted), sel=selector)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Returns the index of a directory; the vectors for exact scores stay on disk."""
        index = cls(read_vectors(directory).shape[1])
        index._load(directory)
        return index
