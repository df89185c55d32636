"""BLAST's tabular format (``m8``): BLAST's 12 columns, no header."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError
from rhoma.hits import format_evalue, sort_hits

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rhoma.hits import Hit


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place of the database that another tool points at.

    Attributes:
        name: Name of the target.
        strand: Strand that is like the query.
        start: 0-based start on the + strand.
        end: End, exclusive.
        qstart: 0-based start on the query.
        qend: End on the query, exclusive.
    """

    name: str
    strand: str
    start: int
    end: int
    qstart: int
    qend: int


def read_anchors(path: Path) -> dict[str, list[Anchor]]:
    """Returns the places in an m8 table (MMseqs2, BLAST) by query, in file order.

    Columns: query, target, identity, length, mismatches, gaps, qstart, qend, tstart, tend, then any.
    Positions are 1-based; a hit on the minus strand has tstart > tend or qstart > qend, as MMseqs2 and BLAST
    write it.

    Raises:
        InputError: When the file is missing, or a line is not of this form; the message names the line.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="give the m8 table of this batch")
    anchors: dict[str, list[Anchor]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        # a comment has no columns; a name may begin with "#"
        if not line.strip() or (line.startswith("#") and "\t" not in line):
            continue
        cells = line.split("\t")
        try:
            query, target = cells[:2]
            qstart, qend, tstart, tend = (int(cell) for cell in cells[6:10])
        except ValueError:
            raise InputError(
                f"line {number} is no line of an m8 table", path=path, remedy="write it with --format-mode 0"
            ) from None
        strand = "+" if (qstart <= qend) == (tstart <= tend) else "-"
        (qlow, qhigh), (low, high) = sorted((qstart, qend)), sorted((tstart, tend))
        anchors.setdefault(query, []).append(Anchor(target, strand, low - 1, high, qlow - 1, qhigh))
    return anchors


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
        partial.write_text("".join(lines), encoding="utf-8")


def merge_m8(paths: Iterable[Path], out: Path) -> None:
    """Writes several ``hits.m8`` as one, by (query, E-value), keeping the order of the files within."""
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").split("\n") if line]
    lines.sort(key=lambda line: (line.split("\t")[0], float(line.split("\t")[10])))
    with atomic_write(out) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
