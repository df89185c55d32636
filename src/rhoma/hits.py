"""The table of hits: its columns, its order, and its files.

``hits.tsv`` has one row a hit, sorted by (query, evalue, target). Coordinates are 1-based and inclusive on
the sequences as given, ``tstart`` is never larger than ``tend``, and ``strand`` says which strand of the
target is homologous. ``family`` and ``clan`` are empty where nothing is known of the target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rhoma.errors import ArtefactError, InputError
from rhoma.manifest import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Hit:
    """One homologous stretch of one target.

    Attributes:
        query: Name of the query.
        target: Name of the target.
        strand: ``+`` or ``-``, the strand of the target that is like the query.
        qstart: First query position, 1-based.
        qend: Last query position, inclusive.
        tstart: First target position on the target as given, 1-based; at most ``tend``.
        tend: Last target position, inclusive.
        length: Columns of the alignment of query and target, gaps included; 0 where there is no alignment.
        identity: Identical columns over ``length``, between 0 and 1.
        cosine: Best learned cosine of a window over the hit to a window of the query; nan without vectors.
        score: Minus the decimal logarithm of the E-value, without underflow (``source`` ``list``: fused rank
            score).
        bits: Bit score of the model named by ``source``; nan where only vectors speak.
        evalue: Number of hits as good as this one expected by chance in the whole database.
        source: The evidence: ``profile``, ``cm``, ``vector`` or ``list``.
        family: Family of the target where labels were given, else empty.
        clan: Clan of the target where labels were given, else empty.
        gapopens: Number of gaps in the alignment (only in ``hits.m8``).
    """

    query: str
    target: str
    strand: str
    qstart: int
    qend: int
    tstart: int
    tend: int
    length: int
    identity: float
    cosine: float
    score: float
    bits: float
    evalue: float
    source: str
    family: str = ""
    clan: str = ""
    gapopens: int = 0


def sort_hits(hits: Iterable[Hit]) -> list[Hit]:
    """Returns the hits by (query, E-value, score where E-values underflow, target, position, strand)."""
    return sorted(hits, key=lambda h: (h.query, h.evalue, -h.score, h.target, h.tstart, h.tend, h.strand))


def format_evalue(value: float) -> str:
    """Returns an E-value as text with three significant digits, e.g. ``1.23e-10``."""
    return f"{value:.2e}"


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
        partial.write_text("".join(f"{line}\n" for line in ("\t".join(COLUMNS), *map(_row, sort_hits(hits)))))


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
    lines = path.read_text().splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
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


def write_m8(path: Path, hits: Iterable[Hit]) -> None:
    """Writes BLAST's 12 columns, no header; a hit on the minus strand has sstart > send as BLAST has it."""
    lines = []
    for hit in sort_hits(hits):
        spans = (hit.qend - hit.qstart + 1) + (hit.tend - hit.tstart + 1)
        # a column holds two letters or one: the pairs follow from the spans
        pairs = max(spans - hit.length, 0) if hit.length else 0
        identity = 0.0 if math.isnan(hit.identity) else hit.identity
        mismatches = max(pairs - round(identity * hit.length), 0)
        start, end = (hit.tstart, hit.tend) if hit.strand == "+" else (hit.tend, hit.tstart)
        bits = 0.0 if math.isnan(hit.bits) else hit.bits
        lines.append(
            f"{hit.query}\t{hit.target}\t{100 * identity:.2f}\t{hit.length}\t{mismatches}\t{hit.gapopens}"
            f"\t{hit.qstart}\t{hit.qend}\t{start}\t{end}\t{format_evalue(hit.evalue)}\t{bits:.1f}\n"
        )
    with atomic_write(path) as partial:
        partial.write_text("".join(lines))


def read_labels(path: Path) -> dict[str, tuple[str, str]]:
    """Returns (family, clan) by sequence id from a TSV with the header ``id family`` and, if known, ``clan``.

    Raises:
        InputError: When the file is missing, has another header, or names an id twice.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="give a TSV with the columns id, family, clan")
    lines = path.read_text().splitlines()
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


def label_hits(hits: Sequence[Hit], labels: Mapping[str, tuple[str, str]]) -> list[Hit]:
    """Returns the hits with the family and clan of their targets; a target without labels stays as it is."""
    return [
        replace(hit, family=labels[hit.target][0], clan=labels[hit.target][1]) if hit.target in labels else hit
        for hit in hits
    ]


def merge_m8(paths: Iterable[Path], out: Path) -> None:
    """Writes several ``hits.m8`` as one, by (query, E-value), keeping the order of the files within."""
    lines = [line for path in paths for line in path.read_text().splitlines()]
    lines.sort(key=lambda line: (line.split("\t")[0], float(line.split("\t")[10])))
    with atomic_write(out) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines))
