"""Sequences at two bits a letter, memory-mapped; letters other than A, C, G and U stand in a list of runs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PACKED = "letters.2bit"
OTHERS = "letters.others.npy"
_FOUR = np.frombuffer(b"ACGU", dtype=np.uint8)
_CODES = np.full(256, 4, dtype=np.uint8)
_CODES[_FOUR] = np.arange(4, dtype=np.uint8)
# the four letters of each byte, the first in its lowest bits
_TEXTS = _FOUR[(np.arange(256)[:, None] >> np.array([0, 2, 4, 6])) & 3]
_RUN = np.dtype([("start", "<i8"), ("length", "<i4"), ("letter", "u1")])
_CHUNK = 1 << 22


def _chunks(sequences: Iterable[str]) -> Iterator[bytes]:
    """Gives all letters in order, in pieces whose lengths are multiples of four but for the last."""
    held, size = [], 0
    for sequence in sequences:
        held.append(sequence.encode("ascii"))
        size += len(sequence)
        if size >= _CHUNK:
            joined = b"".join(held)
            whole = size - size % 4
            yield joined[:whole]
            held, size = [joined[whole:]], size - whole
    if size:
        yield b"".join(held)


def _runs(text: NDArray[np.uint8], offset: int) -> NDArray[np.void]:
    """Returns the runs of equal letters other than the four."""
    places = np.flatnonzero(_CODES[text] == 4)
    letters = text[places]
    changed = np.diff(letters.astype(np.int16), prepend=0) != 0
    begins = np.flatnonzero((np.diff(places, prepend=-2) > 1) | changed)
    runs = np.empty(len(begins), dtype=_RUN)
    runs["start"] = places[begins] + offset
    runs["length"] = np.diff(begins, append=len(places))
    runs["letter"] = letters[begins]
    return runs


def write_letters(directory: Path, sequences: Iterable[str]) -> None:
    """Writes sequences one after the other into a directory."""
    runs = [np.empty(0, dtype=_RUN)]
    offset = 0
    with open(directory / PACKED, "wb") as handle:
        for chunk in _chunks(sequences):
            text = np.frombuffer(chunk, dtype=np.uint8)
            runs.append(_runs(text, offset))
            codes = np.zeros(-(-len(text) // 4) * 4, dtype=np.uint8)
            codes[: len(text)] = _CODES[text] & 3
            four = codes.reshape(-1, 4)
            handle.write((four[:, 0] | four[:, 1] << 2 | four[:, 2] << 4 | four[:, 3] << 6).tobytes())
            offset += len(text)
    np.save(directory / OTHERS, np.concatenate(runs))


class Letters:
    """The letters of a directory.

    Args:
        directory: where they are.
        ends: (n,) int64, where each sequence ends among all letters.
    """

    def __init__(self, directory: Path, ends: NDArray[np.int64]) -> None:
        self._directory = directory
        self._ends = ends

    @property
    def n_bytes(self) -> int:
        """Returns the bytes that the letters take, two bits each."""
        return -(-int(self._ends[-1]) // 4) if len(self._ends) else 0

    @cached_property
    def _packed(self) -> NDArray[np.uint8]:
        return np.memmap(self._directory / PACKED, dtype=np.uint8, mode="r") if self.n_bytes else _FOUR[:0]

    @cached_property
    def _others(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
        """Returns start, end and letter of each run."""
        runs = np.load(self._directory / OTHERS)
        starts = np.ascontiguousarray(runs["start"])
        return starts, starts + runs["length"], np.ascontiguousarray(runs["letter"])

    def fetch(self, sequence: int, start: int, end: int) -> str:
        """Returns letters of a sequence, 0-based and half-open, within its ends."""
        if end <= start:
            return ""
        before = int(self._ends[sequence - 1]) if sequence else 0
        first, last = before + start, before + end
        text = _TEXTS[self._packed[first // 4 : -(-last // 4)]].ravel()[first % 4 : first % 4 + last - first]
        starts, ends, letters = self._others
        for run in range(int(np.searchsorted(ends, first, side="right")), int(np.searchsorted(starts, last))):
            text[max(int(starts[run]) - first, 0) : int(ends[run]) - first] = letters[run]
        return str(text.tobytes(), "ascii")
