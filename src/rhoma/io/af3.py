"""The input of AlphaFold 3, JSON."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from rhoma.alignment import ungapped
from rhoma.io.a3m import format_a3m, plain

if TYPE_CHECKING:
    from rhoma.alignment import Alignment

# AlphaFold 3 names its directory by these characters of a job's name and leaves all others out.
_DROPPED = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST = 150


def job_name(name: str) -> str:
    """Returns the name of the job of a query: one for each, and not empty when AlphaFold 3 has made a path of it.

    A name of ASCII letters, digits, ``_``, ``.`` and ``-`` stays; of any other these characters are kept, between
    ``rna`` and a digest of the whole.
    """
    kept = _DROPPED.sub("", name)
    if kept == name and len(name) <= _LONGEST and any(letter.isalpha() for letter in name):
        return name
    digest = hashlib.blake2b(name.encode("utf-8"), digest_size=6).hexdigest()
    return "_".join(part for part in ("rna", kept[:_LONGEST].strip("_.-"), digest) if part)


def format_af3(alignment: Alignment, *, name: str, seed: int = 1) -> str:
    """Returns the input of AlphaFold 3 for the query as one RNA chain with its alignment (``unpairedMsa``).

    Layout: https://github.com/google-deepmind/alphafold3/blob/main/docs/input.md, dialect ``alphafold3``,
    version 1 (the first, which every release reads). The alignment's first row is the chain itself.
    AlphaFold 3 knows A, C, G and U: other IUPAC codes become N.

    Args:
        alignment: the query first.
        name: name of the query.
        seed: the one model seed; AlphaFold 3 asks for at least one.
    """
    job = {
        "name": job_name(name),
        "modelSeeds": [seed],
        "sequences": [
            {
                "rna": {
                    "id": "A",
                    "sequence": plain(ungapped(alignment.rows[0])),
                    "unpairedMsa": format_a3m(alignment),
                }
            }
        ],
        "dialect": "alphafold3",
        "version": 1,
    }
    return json.dumps(job, indent=2, ensure_ascii=False) + "\n"
