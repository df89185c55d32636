"""The table of queries whose search failed: ``failed.tsv`` with the columns query and reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FAILED = "failed.tsv"
_HEADER = "query\treason"


def write_failed(path: Path, failed: Iterable[tuple[str, str]]) -> None:
    """Writes (query, reason) of queries that failed; the header alone where none did."""
    rows = (f"{query}\t{' '.join(reason.split())}" for query, reason in failed)
    with atomic_write(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in (_HEADER, *rows)), encoding="utf-8")


def read_failed(path: Path) -> list[tuple[str, str]]:
    """Returns (query, reason) of queries that failed, in file order.

    Raises:
        InputError: The file is missing or has other columns.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="give the table that 'query search' wrote")
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    rows = [line.split("\t") for line in lines]
    if lines[:1] != [_HEADER] or any(len(row) != 2 for row in rows):
        raise InputError("is no table of query and reason", path=path)
    return [(query, reason) for query, reason in rows[1:]]
