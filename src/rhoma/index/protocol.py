"""What every vector index can do: name the rows that may be nearest to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # scores, falling, and their rows
    Near = tuple[NDArray[np.float32], NDArray[np.int64]]

Kind = Literal["flat", "pq", "hnsw", "ivfpq"]


class VectorIndex(Protocol):
    """The rows of one segment, numbered from 0, found by their likeness to a query.

    Its scores decide which rows are looked at; the exact cosine of each of these is computed from the stored rows
    (``nearest.search``).

    Attributes:
        kind: its name.
        tolerance: equal rows may have scores that differ by this much.
        exhaustive: a list as long as the index costs no more than a scan; it names all rows but perhaps the worst.
    """

    kind: ClassVar[Kind]
    tolerance: ClassVar[float]
    exhaustive: ClassVar[bool]

    def __len__(self) -> int:
        """Returns the number of rows."""

    def wanted(self, k: int, total: int) -> int:
        """Returns how many rows to look at, so that the best k of so many in all segments are among them."""

    def nearest(self, queries: NDArray[np.float32], count: int) -> list[Near]:
        """Returns, for each of (m, d) queries, the rows of the best ``count`` scores; fewer where it has no more.

        Rows of the score of the last one may be missing.
        """
