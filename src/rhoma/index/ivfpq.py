"""Approximate search in compressed lists (IVF-PQ): where a graph would not fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from rhoma.index.approximate import FaissIndex, faiss_module
from rhoma.index.protocol import Kind, read_vectors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_BLOCK = 65_536
_TRAINING_PER_LIST = 64
_RESCORED = 8
_MIN_RESCORED = 256
_SHARE_OF_LISTS = 8
_SUBSPACE = 4
_MIN_PQ_TRAINING = 256


class IvfPqIndex(FaissIndex):
    """Inverted lists of product-quantised vectors; eight times k candidates are scored exactly."""

    kind: ClassVar[Kind] = "ivfpq"

    def _make(self, vectors: NDArray[np.float32]) -> Any:
        faiss = faiss_module()
        lists = max(1, min(65_536, int(4 * np.sqrt(len(vectors))), len(vectors) // 39))
        bits = 8 if len(vectors) >= 39 * 256 else 4
        parts = max(1, self.dimension // _SUBSPACE)
        while self.dimension % parts:
            parts -= 1
        quantizer = faiss.IndexFlatIP(self.dimension)
        index = faiss.IndexIVFPQ(quantizer, self.dimension, lists, parts, bits, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = 0
        index.pq.cp.seed = 0
        rng = np.random.default_rng(0)
        sample = min(len(vectors), max(_TRAINING_PER_LIST * lists, _TRAINING_PER_LIST * _MIN_PQ_TRAINING))
        chosen = np.sort(rng.choice(len(vectors), sample, replace=False))
        training = vectors[chosen]
        if len(training) < 2**bits:
            # faiss refuses to train fewer points than codes; repeating the few there are changes nothing
            # else.
            training = np.resize(training, (2**bits, self.dimension))
        index.train(training)
        for start in range(0, len(vectors), _BLOCK):
            index.add(vectors[start : start + _BLOCK])
        return index

    def _candidates(self, k: int) -> int:
        return max(_MIN_RESCORED, _RESCORED * k)

    def _parameters(self, wanted: int, selector: Any) -> Any:
        probes = max(32, int(self._ann.nlist) // _SHARE_OF_LISTS)
        return faiss_module().SearchParametersIVF(nprobe=probes, sel=selector)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Returns the index of a directory; the vectors for exact scores stay on disk."""
        index = cls(read_vectors(directory).shape[1])
        index._load(directory)
        return index
