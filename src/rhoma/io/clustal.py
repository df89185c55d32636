"""CLUSTAL: the alignment as people and older programs read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma import __version__

if TYPE_CHECKING:
    from rhoma.alignment import Alignment

_WIDTH = 60


def format_clustal(alignment: Alignment) -> str:
    """Returns the alignment as CLUSTAL text, in blocks of 60 columns.

    The line below a block has ``*`` where all rows have the same letter.

    Args:
        alignment: what to write; names hold no blanks.
    """
    margin = max(len(name) for name in alignment.names) + 6
    same = "".join(
        "*" if letters[0] != "-" and len(set(letters)) == 1 else " " for letters in zip(*alignment.rows, strict=True)
    )
    lines = [f"CLUSTAL multiple sequence alignment by Rhoma {__version__}", ""]
    for start in range(0, alignment.columns, _WIDTH):
        part = slice(start, start + _WIDTH)
        lines.append("")
        lines += [f"{name:<{margin}}{row[part]}" for name, row in zip(alignment.names, alignment.rows, strict=True)]
        lines.append(" " * margin + same[part])
    return "\n".join([*lines, ""])
