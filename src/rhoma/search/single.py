"""Hits that no model has scored: the fused list itself, and what only the vectors found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rhoma.evalue import shuffle_null
from rhoma.hits import Hit
from rhoma.search.chains import Chain, plus
from rhoma.search.regions import anchor_regions, candidate_regions
from rhoma.search.retrieve import fuse, query_windows, window_cosines
from rhoma.search.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.profile import ProfileScorer
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.search.outcome import Outcome
    from rhoma.search.piece import Embed, Piece
    from rhoma.search.regions import Region
    from rhoma.sequences import Record

# Below this many nucleotides a query says too little for vectors alone to be evidence.
SHORTEST_ALONE = 30


def list_hits(
    query: Record,
    database: Database,
    scorer: ProfileScorer,
    pieces: Sequence[Piece],
    config: SearchConfig,
) -> list[Hit]:
    """Returns the best ``config.shortlist`` targets of the fused lists (``mode="list"``), best first.

    The lists are the vectors, and the places of the other tool in their order, each with the best window of a
    target; ``score`` is the fused rank score, and ``evalue`` is infinite: ranks say
    nothing of chance.
    """
    lists: list[dict[int, tuple[Region, float]]] = []
    for piece in pieces:
        rounds = Rounds(database, scorer, piece, config)
        rounds.retrieve()
        ranked = rounds.retrieval.list
        best: dict[int, tuple[Region, float]] = {}
        stretches = candidate_regions(database, ranked.candidates)
        for stretch, score in zip(stretches, ranked.scores.tolist(), strict=True):
            best.setdefault(stretch.sequence, (stretch, score))
        lists.append(best)
        anchored: dict[int, tuple[Region, float]] = {}
        for stretch in anchor_regions(database, piece.anchors):
            anchored.setdefault(stretch.sequence, (stretch, math.nan))
        lists.append(anchored)
    order, scores = fuse([np.array(list(best), dtype=np.int64) for best in lists])
    hits = []
    for target, score in zip(order[: config.shortlist].tolist(), scores.tolist(), strict=False):
        stretch, cosine = next(best[target] for best in lists if target in best)
        hits += [
            Hit(
                query=query.id,
                target=name,
                strand=stretch.strand,
                qstart=1,
                qend=len(query.sequence),
                tstart=stretch.start + 1,
                tend=stretch.end,
                length=0,
                identity=math.nan,
                cosine=cosine,
                score=score,
                bits=math.nan,
                evalue=math.inf,
                source="list",
            )
            for name in database.index.copies(target)
        ]
    return hits


def vector_chains(
    query: Record,
    database: Database,
    embed: Embed,
    pieces: Sequence[Piece],
    outcomes: Sequence[Outcome],
    chains: Sequence[Chain],
    config: SearchConfig,
) -> list[Chain]:
    """Returns hits for windows that the query's own vectors meet, beyond chance, and that no model matched.

    Args:
        query: The query.
        database: The index.
        embed: Returns unit vectors of windows.
        pieces: Pieces of the query with their vectors.
        outcomes: Last round of each piece; gives what the models matched, reported or not.
        chains: Hits so far; a target that has one gets no other.
        config: Settings.
    """
    if len(query.sequence) < SHORTEST_ALONE or not any(len(piece.plus) for piece in pieces):
        return []
    null = shuffle_null(
        query_windows(query.sequence, database.window, database.stride),
        lambda windows: window_cosines(database.index, embed, windows),
        seed=config.seed,
    )
    if null is None:
        return []
    limit = math.log(config.report_evalue)
    matched = {chain.sequence for chain in chains}
    best: dict[int, Chain] = {}
    for piece, outcome in zip(pieces, outcomes, strict=True):
        matched.update(outcome.regions[match.region].sequence for match in outcome.found)
        own = outcome.own
        stretches = candidate_regions(database, own.candidates)
        for region, cosine in zip(stretches, own.scores.tolist(), strict=True):
            log_evalue = null.log_evalue(cosine)
            if log_evalue > limit or cosine <= null.threshold:
                break
            if region.sequence in matched:
                continue
            start, end = plus(region.strand, region.start, region.end)
            found = Chain(
                sequence=region.sequence,
                strand=region.strand,
                qstart=piece.offset,
                qend=piece.offset + len(piece.sequence),
                start=start,
                end=end,
                length=0,
                identical=0,
                gapopens=0,
                bits=math.nan,
                # hits share one way from P to E: undo it here
                log_pvalue=log_evalue - math.log(pieces[0].size),
                cosine=cosine,
                parts=(),
                source="vector",
            )
            old = best.get(region.sequence)
            if old is None or (found.log_pvalue, found.start) < (old.log_pvalue, old.start):
                best[region.sequence] = found
    return [best[sequence] for sequence in sorted(best)]
