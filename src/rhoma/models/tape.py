"""Overlapping windows on one tape: what they share goes through the words encoder once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from rhoma.manifest import EncoderInfo

# of a model bundle: the graph that reads tapes
TAPE = "tape.onnx"
# rows of the input ``strands`` of the graphs of the words encoder: which half of the words comes first
BOTH_STRANDS = ((0, 1), (1, 0))


@dataclass(frozen=True, slots=True)
class Tape:
    """Measures of a tape.

    Attributes:
        window: length of a window in nucleotides.
        stride: distance of windows.
        width: letters of a word.
        windows: windows a pass; enough for the rest at its end to cost little, few enough for the processor's cache.
    """

    window: int
    stride: int
    width: int
    windows: int = 32

    @property
    def letters(self) -> int:
        """Return the letters of a pass."""
        blocks = self.windows - 1 + -(-(self.window - self.width + 1) // self.stride)
        return blocks * self.stride + self.width - 1


def tape_of(info: EncoderInfo, window: int, stride: int) -> Tape | None:
    """Return the measures of the tape that the words encoder reads, None for other encoders."""
    return Tape(window, stride, int(str(info.config["width"]))) if info.kind == "words" else None


def lay_out(windows: Sequence[str], stride: int) -> tuple[str, NDArray[np.int64]]:
    """Return the tape that holds `windows` and the number of strides at which each one begins.

    A window that begins with the end of the one before, shifted by the stride, continues it; any other begins anew, at
    the next multiple of the stride. Gaps are ``-``.

    Args:
        windows: of one length.
        stride: distance of windows on the tape.
    """
    parts: list[str] = []
    places = np.empty(len(windows), dtype=np.int64)
    length = 0
    before = ""
    for number, window in enumerate(windows):
        if before and before[stride:] == window[:-stride]:
            parts.append(window[-stride:])
            places[number] = places[number - 1] + 1
            length += stride
        else:
            gap = -length % stride
            parts += ["-" * gap, window]
            places[number] = (length + gap) // stride
            length += gap + len(window)
        before = window
    return "".join(parts), places


def embed_tape(
    windows: Sequence[str],
    tape: Tape,
    run: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    table: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield (numbers of windows, what `run` gave for them), pass by pass; every window comes once.

    Args:
        windows: each of `tape.window` letters.
        tape: measures.
        run: from ids (1, `tape.letters`) to what belongs to the windows at all strides.
        table: from ASCII code to id.
    """
    text, places = lay_out(windows, tape.stride)
    ids = table[np.frombuffer(text.encode("ascii"), dtype=np.uint8)]
    first = 0
    while first < len(windows):
        start = int(places[first])
        after = int(np.searchsorted(places, start + tape.windows))
        part = np.zeros((1, tape.letters), dtype=np.int64)
        letters = ids[start * tape.stride :][: tape.letters]
        part[0, : len(letters)] = letters
        yield np.arange(first, after), run(part)[places[first:after] - start]
        first = after
