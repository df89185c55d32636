"""GFF3 of the hits: features of the targets, for genome browsers and annotation.

Format: https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md, version 1.26. A hit is a
``nucleotide_match`` (SO:0000347) with the query's positions in ``Target``; its score is the E-value, as the format
recommends for similarities.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.hits import format_evalue, sort_by_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rhoma.hits import Hit

_HEADER = "##gff-version 3"
# What the first column and the attributes hold as it is; everything else is written as %XX of its UTF-8 bytes.
_FREE_IN_SEQID = re.compile(r"[A-Za-z0-9.:^*$@!+_?|-]")
_BOUND_IN_ATTRIBUTE = re.compile(r"[\x00-\x20\x7f%;=&,]")


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8"))


def _seqid(name: str) -> str:
    return "".join(letter if _FREE_IN_SEQID.match(letter) else _percent(letter) for letter in name)


def _value(text: str) -> str:
    return "".join(_percent(letter) if _BOUND_IN_ATTRIBUTE.match(letter) else letter for letter in text)


def _line(hit: Hit, number: int, accession: str) -> str:
    attributes = {
        "ID": f"hit{number}",
        "Name": _value(hit.query),
        "Target": f"{_value(hit.query)} {hit.qstart} {hit.qend} +",
        "Dbxref": f"RFAM:{accession}" if accession else "",
        "evidence": hit.source,
        "bits": "" if math.isnan(hit.bits) else f"{hit.bits:.1f}",
        "identity": "" if math.isnan(hit.identity) else f"{hit.identity:.4f}",
        "family": _value(hit.family),
        "clan": _value(hit.clan),
    }
    cells = (
        _seqid(hit.target),
        "Rhoma",
        "nucleotide_match",
        str(hit.tstart),
        str(hit.tend),
        format_evalue(hit.evalue) if math.isfinite(hit.evalue) else ".",
        hit.strand,
        ".",
        ";".join(f"{key}={value}" for key, value in attributes.items() if value),
    )
    return "\t".join(cells)


def write_gff3(path: Path, hits: Iterable[Hit], accessions: Mapping[str, str] | None = None) -> None:
    """Writes the hits as GFF3, sorted by target and position; positions are 1-based and inclusive.

    Args:
        path: the file.
        hits: in any order; they are numbered in that of the file.
        accessions: Rfam's accessions by family; they become ``Dbxref``.
    """
    known = accessions or {}
    rows = enumerate(sort_by_place(hits), start=1)
    lines = [_HEADER, *(_line(hit, number, known.get(hit.family, "")) for number, hit in rows)]
    with atomic_write(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
