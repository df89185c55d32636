"""From matches of regions to hits: collinear stretches become one, overlapping ones are resolved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rhoma.profile import Match, Segment
    from rhoma.search.outcome import Outcome
    from rhoma.search.regions import Region

# How far the distance of two stretches on the target may exceed that on the query, in nucleotides.
SLACK = 300
# Stretches of one chain may overlap on the query by this much: local alignments overshoot.
OVERSHOOT = 10


@dataclass(frozen=True, slots=True)
class Part:
    """One aligned stretch of a chain.

    Attributes:
        piece: Number of the query's piece.
        region: Number of the region in that piece's outcome.
        domain: Number of the domain in HMMER's hit.
        start: Start in reading direction (the + strand, or its negative for the minus strand).
        end: End in reading direction, exclusive.
    """

    piece: int
    region: int
    domain: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Collinear stretches of one target, which make one hit.

    Positions are 0-based and half-open; ``start`` and ``end`` are in reading direction, see :class:`Part`.
    """

    sequence: int
    strand: str
    qstart: int
    qend: int
    start: int
    end: int
    length: int
    identical: int
    gapopens: int
    bits: float
    log_pvalue: float
    cosine: float
    parts: tuple[Part, ...]
    source: str = "profile"

    @property
    def stretch(self) -> tuple[int, int]:
        """Returns (start, end) on the + strand, 0-based, half-open."""
        return plus(self.strand, self.start, self.end)


def plus(strand: str, start: int, end: int) -> tuple[int, int]:
    """Returns a stretch given in reading direction as (start, end) on the + strand; the inverse is itself."""
    return (start, end) if strand == "+" else (-end, -start)


def _groups(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Returns the segments of one region as collinear groups."""
    groups: list[list[Segment]] = []
    for segment in segments:
        last = groups[-1][-1] if groups else None
        if (
            last is not None
            and segment.qstart >= last.qend - OVERSHOOT
            and segment.qend > last.qend
            and segment.start >= last.end
            and segment.start - last.end <= (segment.qstart - last.qend) + SLACK
        ):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return groups


def _chain(
    piece: int,
    offset: int,
    match: Match,
    region: Region,
    group: Sequence[Segment],
    alone: bool,
    cosine: float,
) -> Chain:
    best = max(group, key=lambda s: (s.bits, -s.start))
    whole = alone and (len(group) == 1 or match.bits >= best.bits)
    parts = []
    for segment in group:
        low, high = region.locate(segment.start, segment.end)
        parts.append(Part(piece, match.region, segment.domain, *plus(region.strand, low, high)))
    first, last = group[0], group[-1]
    gaps = [(max(0, b.qstart - a.qend), b.start - a.end) for a, b in zip(group, group[1:], strict=False)]
    return Chain(
        sequence=region.sequence,
        strand=region.strand,
        qstart=offset + first.qstart,
        qend=offset + last.qend,
        start=parts[0].start,
        end=parts[-1].end,
        length=sum(s.length for s in group) + sum(q + t for q, t in gaps),
        identical=sum(s.identical for s in group),
        gapopens=sum(s.gapopens for s in group) + sum((q > 0) + (t > 0) for q, t in gaps),
        bits=match.bits if whole else best.bits,
        log_pvalue=match.log_pvalue if whole else best.log_pvalue,
        cosine=cosine,
        parts=tuple(parts),
    )


def piece_chains(piece: int, offset: int, outcome: Outcome) -> list[Chain]:
    """Returns the chains that one piece of a query left, in the order of its matches."""
    chains = []
    for match in outcome.found:
        groups = _groups(match.segments)
        for group in groups:
            chains.append(
                _chain(
                    piece,
                    offset,
                    match,
                    outcome.regions[match.region],
                    group,
                    len(groups) == 1,
                    float(outcome.cosines[match.region]),
                )
            )
    return chains


def join_pieces(chains: Iterable[Chain]) -> list[Chain]:
    """Returns the chains with those of neighbouring pieces joined that continue each other on the target.

    The joined chain has the smallest P-value of its members; bits, columns and identities of what two pieces
    share are counted once.
    """
    joined: dict[tuple[int, str], list[Chain]] = {}
    for chain in sorted(chains, key=lambda c: (c.qstart, c.start, c.log_pvalue)):
        others = joined.setdefault((chain.sequence, chain.strand), [])
        for number in range(len(others) - 1, -1, -1):
            if _continues(others[number], chain):
                others[number] = _join(others[number], chain)
                break
        else:
            others.append(chain)
    return [chain for place in sorted(joined) for chain in joined[place]]


def _continues(left: Chain, right: Chain) -> bool:
    """Returns whether ``right`` comes from the next piece of the query and lies ahead on its diagonal."""
    shift = (right.start - left.start) - (right.qstart - left.qstart)
    return (
        right.parts[0].piece == left.parts[-1].piece + 1
        and abs(shift) <= SLACK
        and right.end > left.end
        and right.qend > left.qend
    )


def _join(left: Chain, right: Chain) -> Chain:
    gap = right.qstart - left.qend
    share = 1.0 if gap >= 0 else (right.qend - left.qend) / (right.qend - right.qstart)
    between = max(0, gap) + max(0, right.start - left.end)
    return replace(
        left,
        qend=right.qend,
        end=right.end,
        length=left.length + round(share * right.length) + between,
        identical=left.identical + round(share * right.identical),
        gapopens=left.gapopens + round(share * right.gapopens) + (between > 0),
        bits=left.bits + share * right.bits,
        log_pvalue=min(left.log_pvalue, right.log_pvalue),
        cosine=max(left.cosine, right.cosine) if left.cosine == left.cosine else right.cosine,
        parts=left.parts + right.parts,
    )


def resolve(chains: Iterable[Chain]) -> list[Chain]:
    """Returns the chains, best first, without those that overlap a better one of the same target.

    Overlap means more than half of the shorter one, on either strand: the reverse complement of a helix is nearly the
    helix, so a structured homolog has a weak shadow on its other strand.
    """
    kept: dict[int, list[tuple[int, int]]] = {}
    result = []
    for chain in sorted(chains, key=lambda c: (c.log_pvalue, -c.bits, c.sequence, c.strand, c.start, c.qstart)):
        others = kept.setdefault(chain.sequence, [])
        start, end = chain.stretch
        if any(2 * (min(end, e) - max(start, s)) > min(end - start, e - s) for s, e in others):
            continue
        others.append((start, end))
        result.append(chain)
    return result
