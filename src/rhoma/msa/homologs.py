"""Which hits become rows: those under the E-value, as the search has aligned them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import Alignment, parse_region, ungapped
from rhoma.errors import InputError
from rhoma.io.fasta import format_fasta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.hits import Hit
    from rhoma.sequences import Record


@dataclass(frozen=True, slots=True)
class Homolog:
    """A hit with its letters.

    Attributes:
        name: ``target/start-end``, start > end on the minus strand (as Rfam and Infernal name regions).
        sequence: the letters of the region on the strand of the hit, upper-case RNA.
        hit: the row of the hits table.
    """

    name: str
    sequence: str
    hit: Hit


def _hit_of_row(name: str, hits: dict[str, list[Hit]]) -> Hit | None:
    """Returns the hit that a row stands for: of the same strand and with the largest overlap."""
    region = parse_region(name)
    if region is None or region[0] not in hits:
        return None
    target, start, end = region
    low, high = min(start, end), max(start, end)

    def fit(hit: Hit) -> tuple[int, bool, float]:
        overlap = min(high, hit.tend) - max(low, hit.tstart) + 1
        return overlap, (hit.strand == "-") == (start > end), -hit.evalue

    best = max(hits[target], key=fit)
    return best if fit(best)[0] > 0 else None


def place_query(alignment: Alignment, query: Record) -> Alignment:
    """Returns the alignment with the whole query, under its own name, as the first row.

    Ends of the query that the search's alignment has cut off come back as columns of the query alone.

    Raises:
        InputError: the first row is no part of the query.
    """
    row = alignment.rows[0]
    letters = ungapped(row)
    at = query.sequence.find(letters)
    if at < 0 or not letters:
        raise InputError(
            "the first row of its alignment is not this sequence",
            record=query.id,
            remedy="give the FASTA file that was searched with",
        )
    before, after = query.sequence[:at], query.sequence[at + len(letters) :]
    rows = [before + row + after]
    rows += ["-" * len(before) + other + "-" * len(after) for other in alignment.rows[1:]]
    return Alignment((query.id, *alignment.names[1:]), tuple(rows))


def homologs_of(alignment: Alignment, hits: Sequence[Hit], *, evalue: float) -> tuple[Alignment, list[Homolog]]:
    """Returns the alignment of the query and its homologs, by (E-value, score, name), and the homologs.

    Args:
        alignment: the query first; rows that stand for no hit are dropped.
        hits: the hits of this query.
        evalue: largest E-value.
    """
    by_target: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.evalue <= evalue:
            by_target.setdefault(hit.target, []).append(hit)
    found: dict[int, Hit] = {}
    for index, name in enumerate(alignment.names[1:], 1):
        match = _hit_of_row(name, by_target)
        if match is not None:
            found[index] = match
    order = sorted(found, key=lambda i: (found[i].evalue, -found[i].score, alignment.names[i]))
    kept = alignment.keep([0, *order])
    homologs = []
    for row, index in zip(kept.rows[1:], order, strict=True):
        region = parse_region(alignment.names[index])
        name = alignment.names[index]
        if region is not None and found[index].strand == "-" and region[1] < region[2]:
            name = f"{region[0]}/{region[2]}-{region[1]}"
        homologs.append(Homolog(name, ungapped(row), found[index]))
    return Alignment((kept.names[0], *(h.name for h in homologs)), kept.rows), homologs


def format_homologs(homologs: Sequence[Homolog]) -> str:
    """Returns the homologs as FASTA (hit regions as the strand reads, without the query)."""
    records = []
    for homolog in homologs:
        hit = homolog.hit
        bits = "" if np.isnan(hit.bits) else f" bits={hit.bits:.1f}"
        family = f" family={hit.family}" if hit.family else ""
        header = f"{homolog.name} strand={hit.strand} evalue={hit.evalue:.2e}{bits}{family}"
        records.append((header, homolog.sequence))
    return format_fasta(records, width=80)
