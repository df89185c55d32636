"""Multiple alignments in memory.

An alignment is plain: upper-case RNA letters and ``-`` for every gap. Which columns are insertions is told by
the reference line alone (``.`` there), and letter case and gap signs are derived from it when a file is
written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    # (columns, ASCII letters) of a row, see `lay_out`
    Row = tuple[NDArray[np.int32], NDArray[np.uint8]]

_REGION = re.compile(r"(?P<target>.+)/(?P<start>\d+)-(?P<end>\d+)")


@dataclass(frozen=True, slots=True)
class Alignment:
    """A multiple sequence alignment, the query first.

    Attributes:
        names: one name a row; a hit is called ``target/start-end``, with start > end on the minus strand.
        rows: upper-case RNA with ``-`` for gaps, all of one length.
        ss_cons: consensus structure, one WUSS or dot-bracket sign a column; empty where there is none.
        rf: reference line, ``.`` where a column is an insertion; empty where there is none.
        notes: per row (by name) the ``#=GS`` features {feature: text} to write beside it.
        lines: further ``#=GC`` lines by tag, one sign a column each.
    """

    names: tuple[str, ...]
    rows: tuple[str, ...]
    ss_cons: str = ""
    rf: str = ""
    notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(row) for row in self.rows}
        lengths |= {len(line) for line in (self.ss_cons, self.rf, *self.lines.values()) if line}
        if len(self.names) != len(self.rows) or len(lengths) > 1:
            raise ValueError("the rows of an alignment have one length and one name each")

    @property
    def columns(self) -> int:
        """Returns the number of columns."""
        return len(self.rows[0]) if self.rows else 0

    def keep(self, indices: Sequence[int]) -> Alignment:
        """Returns the alignment of these rows, in this order, without the columns that are all gaps."""
        cells = as_cells([self.rows[i] for i in indices])
        full = np.flatnonzero((cells != ord("-")).any(axis=0))

        def cut(line: str) -> str:
            return "".join(line[c] for c in full.tolist()) if line else ""

        return Alignment(
            tuple(self.names[i] for i in indices),
            as_rows(cells[:, full]),
            # A pair whose one column goes cannot stay; without it the structure would not be balanced.
            cut(self.ss_cons) if len(full) == self.columns else "",
            cut(self.rf),
            self.notes,
        )

    def with_lines(self, *, ss_cons: str | None = None, rf: str | None = None) -> Alignment:
        """Returns the alignment with another structure or reference line."""
        return replace(
            self,
            ss_cons=self.ss_cons if ss_cons is None else ss_cons,
            rf=self.rf if rf is None else rf,
        )


def as_cells(rows: Sequence[str]) -> NDArray[np.uint8]:
    """Returns rows of one length as ASCII, shape (rows, columns)."""
    return np.frombuffer("".join(rows).encode("ascii"), dtype=np.uint8).reshape(len(rows), -1)


def as_rows(cells: NDArray[np.uint8]) -> tuple[str, ...]:
    """Returns cells in ASCII, shape (rows, columns), as text."""
    return tuple(row.tobytes().decode("ascii") for row in cells)


def ungapped(row: str) -> str:
    """Returns the letters of a row."""
    return row.replace("-", "")


def parse_region(name: str) -> tuple[str, int, int] | None:
    """Returns (target, start, end) of ``target/start-end``, or None for a name of another form."""
    match = _REGION.fullmatch(name)
    return (match["target"], int(match["start"]), int(match["end"])) if match else None


def whole_row(query: str) -> Row:
    """Returns the query as :func:`lay_out` takes it."""
    return np.arange(len(query), dtype=np.int32), np.frombuffer(query.encode("ascii"), dtype=np.uint8)


def lay_out(
    rows: Sequence[tuple[NDArray[np.int32], NDArray[np.uint8]]], length: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Returns the cells of an alignment, and which of its columns stand for positions of the query.

    Inserted letters begin at the left of the columns that are opened for them behind a position.

    Args:
        rows: (position of the query for each letter, -1 for an inserted one; letters as ASCII). Positions grow, and
            a row begins with a letter that has one.
        length: positions of the query.

    Returns:
        (rows, columns) ASCII with ``-`` for gaps, and (columns,) True where a column is a position.
    """
    widest = np.zeros(length, dtype=np.int64)
    placed = []
    for columns, letters in rows:
        anchor = np.maximum.accumulate(columns)
        first = np.maximum.accumulate(np.where(columns >= 0, np.arange(len(columns)), 0))
        # how many inserted letters stand before this one and with it, behind the same position
        run = np.arange(len(columns)) - first
        np.maximum.at(widest, anchor, run)
        placed.append((anchor, run, letters))
    begin = np.concatenate([[0], np.cumsum(widest + 1)])
    cells = np.full((len(rows), int(begin[-1])), ord("-"), dtype=np.uint8)
    for row, (anchor, run, letters) in zip(cells, placed, strict=True):
        row[begin[anchor] + run] = letters
    positions = np.zeros(int(begin[-1]), dtype=np.bool_)
    positions[begin[:-1]] = True
    return cells, positions
