"""Hits: one homologous stretch of one target each, and their order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


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
        score: For ranking: minus the decimal logarithm of the E-value by the last model, homologs before all others.
        bits: Bit score of the model named by ``source``.
        evalue: Number of hits as good as this one expected by chance in the whole database.
        source: The model whose score it is: ``profile`` or ``cm``.
        family: Family of the target where labels were given, else empty.
        clan: Clan of the target where labels were given, else empty.
        gapopens: Number of gaps in the alignment (only in ``hits.m8``).
        gc: Share of G and C among the target's letters (only in ``hits.tblout``).
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
    gc: float = 0.0


def sort_hits(hits: Iterable[Hit]) -> list[Hit]:
    """Returns the hits by (query, E-value, score where E-values underflow, target, position, strand)."""
    # by what the tables show, so that a table that was read again stands in the same order
    return sorted(
        hits,
        key=lambda h: (h.query, float(format_evalue(h.evalue)), -h.score, h.target, h.tstart, h.tend, h.strand),
    )


def sort_by_place(hits: Iterable[Hit]) -> list[Hit]:
    """Returns the hits by (target, position, strand, query, E-value), as tools for intervals want them."""
    return sorted(
        hits,
        key=lambda h: (h.target, h.tstart, h.tend, h.strand, h.query, float(format_evalue(h.evalue)), h.qstart, h.qend),
    )


def format_evalue(value: float) -> str:
    """Returns an E-value as text with three significant digits, e.g. ``1.23e-10``."""
    return f"{value:.2e}"


def label_hits(hits: Sequence[Hit], labels: Mapping[str, tuple[str, str]]) -> list[Hit]:
    """Returns the hits with the family and clan of their targets; a target without labels stays as it is."""
    return [
        replace(hit, family=labels[hit.target][0], clan=labels[hit.target][1]) if hit.target in labels else hit
        for hit in hits
    ]
