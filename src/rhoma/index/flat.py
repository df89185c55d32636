"""Exact search: every row is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rhoma.index import topk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rhoma.index.protocol import Kind, Near
    from rhoma.index.rows import Rows

# scores held at once
_SCORES = 1 << 26
_MORE = 64


class FlatIndex:
    """The stored rows themselves.

    Args:
        rows: the rows of a segment.
    """

    kind: ClassVar[Kind] = "flat"
    # products of matrices round otherwise than those of single rows
    tolerance: ClassVar[float] = 1e-5
    exhaustive: ClassVar[bool] = True

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self._rows)

    def wanted(self, k: int, total: int) -> int:
        """Returns k and a few."""
        return k + _MORE

    def nearest(self, queries: NDArray[np.float32], count: int) -> list[Near]:
        """Returns the rows of the best cosines; see ``VectorIndex.nearest``."""
        found: list[Near] = []
        step = max(1, _SCORES // max(1, len(self)))
        for first in range(0, len(queries), step):
            part = queries[first : first + step]
            scores = np.empty((len(part), len(self)), dtype=np.float32)
            start = 0
            for block in self._rows.blocks():
                np.matmul(part, block.T, out=scores[:, start : start + len(block)])
                start += len(block)
            for line in scores:
                places = topk.best(line, count)
                found.append((line[places], places))
        return found
