"""A3M: the alignment as structure predictors read it.

Written is what every reader takes: the query first, in upper case and without gaps, no letters but A, C, G, U and N.
RoseTTAFold2NA ends on any other IUPAC code, AlphaFold 3 takes T for an unknown nucleotide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rhoma.errors import InputError
from rhoma.sequences import IUPAC

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.alignment import Alignment

_CODES = "".join(letter for letter in IUPAC if letter not in "ACGU")
_PLAIN = str.maketrans("T" + _CODES + "t" + _CODES.lower(), "U" + "N" * len(_CODES) + "u" + "n" * len(_CODES))
_REMEDY = "give an alignment as A3M: the query first, and its columns in every row"


def plain(letters: str) -> str:
    """Returns aligned or unaligned letters with U for T and N for every other IUPAC code; the case stays."""
    return letters.translate(_PLAIN)


def format_a3m(alignment: Alignment) -> str:
    """Returns the alignment as A3M text: the first row is the query, without gaps.

    Columns of the query are upper case (or ``-``) in every row, so that all rows have the query's length
    once the lower-case letters, which are insertions, are taken out.

    Args:
        alignment: the query first.
    """
    query = alignment.rows[0]
    lines = []
    for name, row in zip(alignment.names, alignment.rows, strict=True):
        out = [
            (letter if reference != "-" else letter.lower())
            for letter, reference in zip(plain(row), query, strict=True)
            if reference != "-" or letter != "-"
        ]
        lines += [f">{name}", "".join(out)]
    return "\n".join([*lines, ""])


def read_a3m(path: Path) -> list[tuple[str, str]]:
    """Returns (header, row) of an A3M file, the query first, in the letters that are written by :func:`format_a3m`.

    Lines that begin with ``#`` before the first row, and dots, are left out.

    Raises:
        InputError: the file is missing or is no A3M: the first row has gaps or insertions, a row has another number
            of columns, or a letter is no nucleotide.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy="check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", path=path, remedy=_REMEDY) from None
    rows: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(">"):
            rows.append((line[1:].strip(), ""))
        elif rows:
            rows[-1] = (rows[-1][0], rows[-1][1] + plain("".join(line.split()).replace(".", "")))
        elif line.strip() and not line.startswith("#"):
            raise InputError(f"line {number} stands before the first '>'", path=path, remedy=_REMEDY)
    if not rows or not re.fullmatch("[ACGUN]+", rows[0][1]):
        problem = "the first row has gaps, insertions or letters that are no nucleotides" if rows else "holds no rows"
        raise InputError(problem, path=path, remedy=_REMEDY)
    columns = len(rows[0][1])
    for name, row in rows:
        if not re.fullmatch("[ACGUNacgun-]+", row):
            raise InputError("has letters that are no nucleotides", path=path, record=name, remedy=_REMEDY)
        own = sum(not letter.islower() for letter in row)
        if own != columns:
            raise InputError(f"has {own} columns, the first row {columns}", path=path, record=name, remedy=_REMEDY)
    return rows
