"""Infernal's tables of hits (``--tblout``): a comment line, then one line a hit, blanks between cells.

A target's name that begins with ``#`` would make its line a comment: that character is written as ``%23``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HEADER = (
    "#target name accession query name accession mdl mdl from mdl to seq from seq to strand trunc pass gc"
    " bias score E-value inc description of target"
)


def write_tblout(path: Path, lines: Iterable[str]) -> None:
    """Writes the table of these hits, a line each."""
    rows = (f"%23{line[1:]}" if line.startswith("#") else line for line in lines)
    with atomic_write(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in (_HEADER, *rows)), encoding="utf-8")


def merge_tblout(paths: Iterable[Path], out: Path) -> None:
    """Writes several tables as one, in their order."""
    lines = (line for path in paths for line in path.read_text(encoding="utf-8").split("\n"))
    write_tblout(out, [line for line in lines if line and not line.startswith("#")])
