"""Exhaustive scan of product-quantised rows: four bits for each six axes, 86 bytes a row of 1,024 axes.

Axes of large and small variance share a sub-quantiser: its sixteen centroids then go where the variance is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rhoma.index.approximate import Coarse, faiss_module, training_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rhoma.index.protocol import Kind

_BITS = 4
_AXES = 6
_SEED = 0
_MIN_WANTED = 1_024
# how many rows are scored exactly: this times a power of k and of the rows that there are
SCALE = 2.9
_OF_K, _OF_ROWS = 0.57, 0.43


def shared_axes(variances: NDArray[np.floating], groups: int) -> NDArray[np.int32]:
    """Returns the order of axes in which each run of six holds large and small variances; -1 stands for none.

    Args:
        variances: (d,) variance of each axis.
        groups: number of runs, at least d / 6.
    """
    ranked = np.full(groups * _AXES, -1, dtype=np.int32)
    ranked[: len(variances)] = np.argsort(-variances, kind="stable")
    # dealt back and forth, like cards
    table = ranked.reshape(_AXES, groups)
    table[1::2] = table[1::2, ::-1]
    return np.ascontiguousarray(table.T).ravel()


class PqIndex(Coarse):
    """faiss's fast scan; the candidates are scored exactly."""

    kind: ClassVar[Kind] = "pq"
    exhaustive: ClassVar[bool] = True

    @classmethod
    def train(cls, sample: NDArray[np.float32], total: int) -> Any:
        """Returns a trained faiss index without rows."""
        faiss = faiss_module()
        dimension = sample.shape[1]
        # an even number, as the scan takes sub-quantisers by two
        groups = -(-dimension // (2 * _AXES)) * 2
        order = shared_axes(sample.var(axis=0), groups)
        remap = faiss.RemapDimensionsTransform(dimension, len(order), faiss.swig_ptr(order))
        scan = faiss.IndexPQFastScan(len(order), groups, _BITS, faiss.METRIC_INNER_PRODUCT)
        scan.pq.cp.seed = _SEED
        scan.pq.cp.max_points_per_centroid = len(sample)
        index = faiss.IndexPreTransform(remap, scan)
        index.train(training_rows(sample, 2**_BITS))
        # faiss frees what Python does not hold
        index.own_fields = True
        remap.this.disown()
        scan.this.disown()
        return index

    def wanted(self, k: int, total: int) -> int:
        """Returns how many rows to score exactly for a recall of 0.99 (measured, docs/decisions.md).

        The codes keep the rank of a row but for normal noise. That asks for more of the rows the more there are,
        though for a falling share of them.
        """
        return max(_MIN_WANTED, int(SCALE * k**_OF_K * total**_OF_ROWS))
