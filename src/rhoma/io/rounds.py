"""The table of rounds: ``rounds.tsv``, one row a query, tile and round."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

ROUNDS = "rounds.tsv"
COLUMNS = ("query", "tile", "round", "shortlist", "regions", "included", "new", "cm", "full", "comparisons")


class Rounds(NamedTuple):
    """What the rounds of a query came to.

    Attributes:
        most: Rounds of the tile that had most.
        full: Whether a shortlist ended full: homologs may have been left out.
        comparisons: Z, see :mod:`rhoma.evalue`; 0 without a round.
    """

    most: int = 0
    full: bool = False
    comparisons: float = 0.0


def write_rounds(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Writes the table; a row has the cells of ``COLUMNS``, of which ``cm`` and ``full`` are true or false."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write("\t".join(COLUMNS) + "\n")
        for row in rows:
            cells = ["yes" if cell is True else "no" if cell is False else str(cell) for cell in row]
            handle.write("\t".join(cells) + "\n")


def read_rounds(path: Path) -> dict[str, Rounds]:
    """Returns what the rounds of each query in the table came to, in its order.

    Raises:
        InputError: The file is missing, has other columns, or a round or Z that is no number.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="run 'query search' again")
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError("is no table of rounds", path=path, remedy="run 'query search' again")
    found: dict[str, Rounds] = {}
    for row in rows[1:]:
        before = found.get(row[0], Rounds())
        try:
            number, full, comparisons = int(row[2]), row[8] == "yes", float(row[9])
        except (IndexError, ValueError):
            remedy = "run 'query search' again"
            raise InputError("has a row that is none of rounds", path=path, record=row[0], remedy=remedy) from None
        found[row[0]] = Rounds(max(before.most, number), before.full or full, comparisons)
    return found
