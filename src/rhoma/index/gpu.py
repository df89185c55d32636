"""Exact search on a GPU, by faiss where it was built for one (``faiss-gpu`` in place of ``faiss-cpu``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rhoma.errors import DeviceError
from rhoma.index.approximate import faiss_module
from rhoma.index.flat import FlatIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rhoma.index.protocol import Kind, Near
    from rhoma.index.rows import Rows

# faiss's kernels keep no more results a query
MOST = 2_048


def resolve(device: Literal["auto", "cpu", "cuda"]) -> Literal["cpu", "cuda"]:
    """Returns where to search: ``auto`` is a GPU where faiss can use one.

    Raises:
        DeviceError: ``cuda`` where it cannot.
    """
    if device == "cpu":
        return "cpu"
    faiss = faiss_module()
    built = hasattr(faiss, "StandardGpuResources")
    if built and faiss.get_num_gpus() > 0:
        return "cuda"
    if device == "auto":
        return "cpu"
    why = "there is none" if built else "this faiss was built without GPUs"
    remedy = "give the device cpu" if built else "install faiss-gpu in place of faiss-cpu, or give the device cpu"
    raise DeviceError(f"the index cannot be searched on a GPU: {why}. Remedy: {remedy}")


class GpuIndex:
    """The rows of a segment in the memory of a GPU, as fp16.

    Args:
        rows: the rows.
    """

    kind: ClassVar[Kind] = "flat"
    # of products of fp16 numbers
    tolerance: ClassVar[float] = 2e-3
    exhaustive: ClassVar[bool] = True

    def __init__(self, rows: Rows) -> None:
        faiss = faiss_module()
        self._rows = rows
        self._resources: Any = faiss.StandardGpuResources()
        config = faiss.GpuIndexFlatConfig()
        config.useFloat16 = True
        self._index: Any = faiss.GpuIndexFlat(self._resources, rows.dimension, faiss.METRIC_INNER_PRODUCT, config)
        for block in rows.blocks():
            self._index.add(block)

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self._rows)

    def wanted(self, k: int, total: int) -> int:
        """Returns twice k, so that rounding moves none of the best k out, as far as the GPU keeps so many."""
        return max(k + 1, min(2 * k + 64, MOST))

    def nearest(self, queries: NDArray[np.float32], count: int) -> list[Near]:
        """Returns the rows of the best scores; on the processor where the GPU does not keep so many."""
        if not 0 < count <= MOST:
            return FlatIndex(self._rows).nearest(queries, count)
        scores, rows = self._index.search(queries, count)
        return list(zip(scores, rows, strict=True))
