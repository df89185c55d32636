"""A3M: the alignment as structure predictors read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rhoma.alignment import Alignment

_UNKNOWN = re.compile(r"[^ACGU-]")


def format_a3m(alignment: Alignment, *, only_acgun: bool = False) -> str:
    """Returns the alignment as A3M text: the first row is the query, without gaps.

    Columns of the query are upper case (or ``-``) in every row, so that all rows have the query's length
    once the lower-case letters, which are insertions, are taken out. The letters are RNA.

    Args:
        alignment: the query first.
        only_acgun: write every other IUPAC code as N, as AlphaFold 3 wants it.
    """
    query = alignment.rows[0]
    lines = []
    for name, row in zip(alignment.names, alignment.rows, strict=True):
        letters = _UNKNOWN.sub("N", row) if only_acgun else row
        out = [
            (letter if reference != "-" else letter.lower())
            for letter, reference in zip(letters, query, strict=True)
            if reference != "-" or letter != "-"
        ]
        lines += [f">{name}", "".join(out)]
    return "\n".join([*lines, ""])
