"""The table of records that were left out: ``skipped.tsv`` of queries, ``skipped_records.tsv`` of a database.

Columns: ``file`` (its name), ``record`` (empty where the header has no name), ``line`` of the header in the file
(0 where that is not known), ``length`` in nucleotides, and ``reason``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError
from rhoma.io.fasta import Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SKIPPED_RECORDS = "skipped_records.tsv"

_HEADER = ["file", "record", "line", "length", "reason"]


def _cell(text: str) -> str:
    """Returns text without tabs and line ends."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def write_skipped(path: Path, skipped: Iterable[Skipped]) -> None:
    """Writes the table; the header alone where nothing was left out."""
    rows = ((_cell(one.file), _cell(one.id), str(one.line), str(one.length), _cell(one.reason)) for one in skipped)
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as handle:
        handle.writelines("\t".join(row) + "\n" for row in (_HEADER, *rows))


def read_skipped(path: Path) -> list[Skipped]:
    """Returns the rows of a table in file order.

    Raises:
        InputError: the file is missing or has other columns.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="give the table that 'query prepare' or 'index' wrote")
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        cells = line.split("\t")
        if len(cells) != len(_HEADER) or (number == 1 and cells != _HEADER):
            raise InputError(f"line {number} is not: {', '.join(_HEADER)} (tab-separated)", path=path)
        if number > 1:
            try:
                rows.append(Skipped(cells[1], int(cells[3]), cells[4], cells[0], int(cells[2])))
            except ValueError as error:
                raise InputError(f"line {number}: {error}", path=path) from None
    return rows
