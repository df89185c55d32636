"""Names and descriptions: one file of text with offsets, memory-mapped, and an order to find names by bisection."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def smallest(values: NDArray[np.integer]) -> NDArray[np.integer]:
    """Returns whole numbers from 0 in the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def write_texts(directory: Path, name: str, texts: Sequence[str]) -> None:
    """Writes texts as ``<name>.txt``, one after the other, and where each ends."""
    encoded = [text.encode("utf-8") for text in texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    (directory / f"{name}.txt").write_bytes(b"".join(encoded))
    np.save(directory / f"{name}.ends.npy", smallest(ends))


def write_names(directory: Path, names: Sequence[str]) -> None:
    """Writes names, which all differ, and their order by UTF-8 bytes."""
    write_texts(directory, "names", names)
    order = sorted(range(len(names)), key=lambda number: names[number].encode("utf-8"))
    np.save(directory / "names.order.npy", smallest(np.array(order, dtype=np.int64)))


class Texts:
    """The texts of a directory.

    Args:
        directory: where they are.
        name: as they were written.
    """

    def __init__(self, directory: Path, name: str) -> None:
        path = directory / f"{name}.txt"
        self._ends = np.load(directory / f"{name}.ends.npy", mmap_mode="r")
        filled = len(self._ends) and int(self._ends[-1])
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r") if filled else np.empty(0, dtype=np.uint8)

    def __len__(self) -> int:
        """Returns the number of texts."""
        return len(self._ends)

    def encoded(self, number: int) -> bytes:
        """Returns a text as UTF-8."""
        start = int(self._ends[number - 1]) if number else 0
        return self._bytes[start : int(self._ends[number])].tobytes()

    def __getitem__(self, number: int) -> str:
        """Returns a text."""
        return self.encoded(number).decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        """Gives all texts in order."""
        return map(self.__getitem__, range(len(self)))


class Names(Texts):
    """The names of a directory.

    Args:
        directory: where they are.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "names")
        self._order = np.load(directory / "names.order.npy", mmap_mode="r")

    def find(self, name: str) -> int | None:
        """Returns the number of a name, or None."""
        wanted = name.encode("utf-8")
        place = bisect_left(range(len(self)), wanted, key=lambda rank: self.encoded(int(self._order[rank])))
        if place == len(self):
            return None
        number = int(self._order[place])
        return number if self.encoded(number) == wanted else None
