"""Windows over sequences: equal length, fixed stride, every nucleotide covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """A table of windows, ordered by sequence, then by start.

    Attributes:
        sequence: (n,) int32, which sequence the window lies on.
        start: (n,) int32, 0-based.
        end: (n,) int32, exclusive.
    """

    sequence: NDArray[np.int32]
    start: NDArray[np.int32]
    end: NDArray[np.int32]

    def __len__(self) -> int:
        """Returns the number of windows."""
        return len(self.sequence)


def count_windows(lengths: Sequence[int] | NDArray[np.integer], window: int, stride: int) -> NDArray[np.int64]:
    """Returns (m,) the number of windows that `tile` makes of each sequence.

    Raises:
        ValueError: a length below 1, or a stride that would leave nucleotides uncovered.
    """
    if not 1 <= stride <= window:
        raise ValueError(f"the stride must lie between 1 and the window's length {window}, not at {stride}")
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.size and int(sizes.min()) < 1:
        raise ValueError("a sequence without nucleotides has no windows")
    counts: NDArray[np.int64] = -(-np.maximum(sizes - window, 0) // stride) + 1
    return counts


def tile(lengths: Sequence[int] | NDArray[np.integer], window: int, stride: int) -> Windows:
    """Returns the windows of sequences of the given lengths, in the order of the sequences, then by start.

    A sequence no longer than ``window`` is one window. The last window of a longer one ends flush with its
    end.

    Args:
        lengths: (m,) lengths in nucleotides, each at least 1.
        window: length of a window in nucleotides.
        stride: distance of two starts in nucleotides, at most ``window``.

    Raises:
        ValueError: a length below 1, or a stride that would leave nucleotides uncovered.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    counts = count_windows(sizes, window, stride)
    last = np.maximum(sizes - window, 0)
    sequence = np.repeat(np.arange(len(sizes), dtype=np.int64), counts)
    number = np.arange(len(sequence), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.minimum(number * stride, last[sequence])
    end = np.minimum(start + window, sizes[sequence])
    return Windows(sequence.astype(np.int32), start.astype(np.int32), end.astype(np.int32))
