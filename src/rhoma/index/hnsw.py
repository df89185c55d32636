"""Approximate search in a navigable graph (HNSW), with the settings of the founding paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rhoma.index.approximate import Coarse, faiss_module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rhoma.index.protocol import Kind

LINKS = 64
EF_CONSTRUCTION = 200
# Families are tight clusters, in which a narrow walk misses members.
_MIN_WANTED = 512
_FACTOR = 2


class HnswIndex(Coarse):
    """A graph (M 64, efConstruction 200, inner product) over the distinct rows, kept as fp16.

    A graph loses most of its recall where many vectors are the same.
    """

    kind: ClassVar[Kind] = "hnsw"
    distinct_only: ClassVar[bool] = True

    @classmethod
    def train(cls, sample: NDArray[np.float32], total: int) -> Any:
        """Returns an empty graph."""
        faiss = faiss_module()
        graph = faiss.IndexHNSWSQ(sample.shape[1], faiss.ScalarQuantizer.QT_fp16, LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = EF_CONSTRUCTION
        graph.train(sample)
        return graph

    def wanted(self, k: int, total: int) -> int:
        """Returns twice k, at least 512."""
        return max(_MIN_WANTED, _FACTOR * k)

    def _parameters(self, count: int) -> Any:
        return faiss_module().SearchParametersHNSW(efSearch=count)
