"""The alignment in the formats that structure predictors read: A3M and AlphaFold 3's JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rhoma.msa.stockholm import ungapped

if TYPE_CHECKING:
    from rhoma.msa.stockholm import Alignment

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


def format_af3(alignment: Alignment, *, name: str, seed: int = 1) -> str:
    """Returns the input of AlphaFold 3 for the query as one RNA chain with its alignment (``unpairedMsa``).

    Layout: https://github.com/google-deepmind/alphafold3/blob/main/docs/input.md, dialect ``alphafold3``,
    version 1 (the first, which every release reads). The alignment's first row is the chain itself.
    AlphaFold 3 knows A, C, G and
    U: other IUPAC codes become N.

    Args:
        alignment: the query first.
        name: name of the job.
        seed: the one model seed; AlphaFold 3 asks for at least one.
    """
    job = {
        "name": name,
        "modelSeeds": [seed],
        "sequences": [
            {
                "rna": {
                    "id": "A",
                    "sequence": _UNKNOWN.sub("N", ungapped(alignment.rows[0])),
                    "unpairedMsa": format_a3m(alignment, only_acgun=True),
                }
            }
        ],
        "dialect": "alphafold3",
        "version": 1,
    }
    return json.dumps(job, indent=2, ensure_ascii=False) + "\n"
