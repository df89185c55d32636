"""Approximate search in compressed lists (IVF-PQ), an eighth of which is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rhoma.index.approximate import Coarse, faiss_module, training_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rhoma.index.protocol import Kind

_ROWS_PER_CENTROID = 39
_MOST_LISTS = 65_536
_SHARE_OF_LISTS = 8
_MIN_PROBES = 32
_AXES = 4
_FACTOR = 8
_MIN_WANTED = 256


class IvfPqIndex(Coarse):
    """Inverted lists of product-quantised rows; eight times k candidates are scored exactly."""

    kind: ClassVar[Kind] = "ivfpq"

    @classmethod
    def train(cls, sample: NDArray[np.float32], total: int) -> Any:
        """Returns a trained faiss index without rows."""
        faiss = faiss_module()
        dimension = sample.shape[1]
        lists = max(1, min(_MOST_LISTS, int(4 * np.sqrt(total)), len(sample) // _ROWS_PER_CENTROID))
        bits = 8 if len(sample) >= _ROWS_PER_CENTROID * 256 else 4
        parts = max(1, dimension // _AXES)
        while dimension % parts:
            parts -= 1
        quantizer = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFPQ(quantizer, dimension, lists, parts, bits, faiss.METRIC_INNER_PRODUCT)
        index.own_fields = True
        quantizer.this.disown()
        index.cp.seed = 0
        index.pq.cp.seed = 0
        index.train(training_rows(sample, 2**bits))
        return index

    def wanted(self, k: int, total: int) -> int:
        """Returns eight times k, at least 256."""
        return max(_MIN_WANTED, _FACTOR * k)

    def _parameters(self, count: int) -> Any:
        return faiss_module().SearchParametersIVF(nprobe=max(_MIN_PROBES, int(self._ann.nlist) // _SHARE_OF_LISTS))
