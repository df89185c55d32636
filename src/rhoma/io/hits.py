"""``hits.tsv``, the table of hits, and the table of labels.

``hits.tsv`` has one row a hit, sorted by (query, evalue, target). Coordinates are 1-based and inclusive on
the sequences as given, ``tstart`` is never larger than ``tend``, and ``strand`` says which strand of the
target is homologous. ``family`` and ``clan`` are empty where nothing is known of the target.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import ArtefactError, InputError
from rhoma.hits import Hit, format_evalue, sort_hits

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

COLUMNS = (
    "query",
    "target",
    "strand",
    "qstart",
    "qend",
    "tstart",
    "tend",
    "length",
    "identity",
    "cosine",
    "score",
    "bits",
    "evalue",
    "source",
    "family",
    "clan",
)


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _row(hit: Hit) -> str:
    return "\t".join(
        (
            hit.query,
            hit.target,
            hit.strand,
            str(hit.qstart),
            str(hit.qend),
            str(hit.tstart),
            str(hit.tend),
            str(hit.length),
            _number(hit.identity, 4),
            _number(hit.cosine, 4),
            _number(hit.score, 4),
            _number(hit.bits, 1),
            format_evalue(hit.evalue),
            hit.source,
            hit.family,
            hit.clan,
        )
    )


def write_hits_tsv(path: Path, hits: Iterable[Hit]) -> None:
    """Writes ``hits.tsv``: a header line, then one row a hit in the order of :func:`sort_hits`."""
    with atomic_write(path) as partial:
        lines = ("\t".join(COLUMNS), *map(_row, sort_hits(hits)))
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _float(text: str) -> float:
    return float(text) if text else math.nan


def read_hits_tsv(path: Path) -> list[Hit]:
    """Returns the hits of a ``hits.tsv`` in file order.

    Raises:
        InputError: When the file is missing.
        ArtefactError: When its header or a row is not of this table; the message names the line.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="run 'query search' first")
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    if tuple(lines[0].split("\t")) != COLUMNS:
        raise ArtefactError("the header is not that of a hits table", path=path, remedy="write it again")
    hits = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            raise ArtefactError(
                f"line {number} has {len(cells)} columns in place of {len(COLUMNS)}",
                path=path,
                remedy="write it again",
            )
        try:
            hits.append(
                Hit(
                    query=cells[0],
                    target=cells[1],
                    strand=cells[2],
                    qstart=int(cells[3]),
                    qend=int(cells[4]),
                    tstart=int(cells[5]),
                    tend=int(cells[6]),
                    length=int(cells[7]),
                    identity=_float(cells[8]),
                    cosine=_float(cells[9]),
                    score=_float(cells[10]),
                    bits=_float(cells[11]),
                    evalue=_float(cells[12]),
                    source=cells[13],
                    family=cells[14],
                    clan=cells[15],
                )
            )
        except ValueError as error:
            raise ArtefactError(f"line {number}: {error}", path=path, remedy="write it again") from error
    return hits


def read_labels(path: Path) -> dict[str, tuple[str, str]]:
    """Returns (family, clan) by sequence id from a TSV with the header ``id family`` and, if known, ``clan``.

    Raises:
        InputError: When the file is missing, has another header, or names an id twice.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="give a TSV with the columns id, family, clan")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8 text ({error})", path=path, remedy="save it as UTF-8") from None
    header = lines[0].split("\t") if lines else []
    if header not in (["id", "family", "clan"], ["id", "family"]):
        raise InputError("the header of a labels file is: id, family, clan (tab-separated)", path=path)
    labels: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        cells = line.split("\t")
        if len(cells) != len(header):
            raise InputError(f"line {number} has {len(cells)} columns, the header {len(header)}", path=path)
        if cells[0] in labels:
            raise InputError(f"line {number} names an id again", path=path, record=cells[0])
        labels[cells[0]] = (cells[1], cells[2] if len(cells) > 2 else "")
    return labels
