"""The search of a query: Query → Shortlist → TargetHits → Chains → Hits."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rhoma.evalue import evalue_of
from rhoma.hits import Hit, sort_hits
from rhoma.profile import ProfileScorer
from rhoma.search.alignment import align, row_of
from rhoma.search.chaining import chain
from rhoma.search.iteration import Rounds
from rhoma.search.query import make_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.alignment import Alignment, Row
    from rhoma.io.m8 import Anchor
    from rhoma.search.chaining import Chain
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.search.iteration import RoundStats
    from rhoma.search.query import Query, QueryVectors
    from rhoma.sequences import Record


_GC = np.frombuffer(b"GC", dtype=np.uint8)


@dataclass(frozen=True)
class SearchResult:
    """What is known of a query after its search.

    Attributes:
        query: Its name.
        hits: Sorted as ``hits.tsv``; empty where no homolog was found.
        alignment: The query and its homologs; the query alone where there is none.
        rounds: (number of the tile, what the round did), in order.
        seconds: Seconds by stage.
        failure: Why the query could not be searched; empty where it was.
        comparisons: Z, what the whole database stands for in the E-values; 0 where it could not be searched.
    """

    query: str
    hits: list[Hit]
    alignment: Alignment
    rounds: list[tuple[int, RoundStats]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    failure: str = ""
    comparisons: float = 0.0

    @property
    def full(self) -> bool:
        """Returns whether a shortlist ended full, so that homologs may have been left out."""
        return any(stats.full for _, stats in self.rounds)


def search(
    record: Record,
    database: Database,
    config: SearchConfig,
    *,
    vectors: QueryVectors | None = None,
    anchors: Sequence[Anchor] = (),
) -> SearchResult:
    """Returns the homologs of one query.

    Args:
        record: The query, 15 nt or more.
        database: The index.
        config: Settings.
        vectors: Vectors of the query's windows; without them only anchors are scored.
        anchors: Places that another tool (MMseqs2) found; they are scored whatever the vectors say.
    """
    query = make_query(record, database, config, vectors, anchors)
    if len(query.tiles) > 1 and config.effort == "auto":
        # the structure of a stretch is a guess, and its covariance model takes twenty times as long as all else
        config = config.model_copy(update={"effort": "fast"})
    scorer = ProfileScorer(seed=config.seed, threads=config.threads)
    comparisons = config.database_size or database.size
    size = comparisons * len(query.tiles)
    outcomes = [Rounds(tile, database, scorer, config, size).run() for tile in query.tiles]
    seconds: dict[str, float] = {}
    for outcome in outcomes:
        for stage, spent in outcome.seconds.items():
            seconds[stage] = seconds.get(stage, 0.0) + spent
    began = time.perf_counter()
    limit = math.log(config.report_evalue) - math.log(size)
    chains = [one for one in chain(outcomes) if one.log_pvalue <= limit]
    rows = [row_of(one, database) for one in chains]
    pairs = zip(chains, rows, strict=True)
    hits = sort_hits(hit for one, row in pairs for hit in _hits(query, database, one, row, size, config.evalue))
    evalues = [evalue_of(one.log_pvalue, size)[0] for one in chains]
    homologs = [number for number, evalue in enumerate(evalues) if evalue <= config.evalue]
    alignment = align(
        query,
        database,
        [chains[number] for number in homologs],
        [rows[number] for number in homologs],
        [evalues[number] for number in homologs],
    )
    seconds["align"] = time.perf_counter() - began
    rounds = [(outcome.tile.number + 1, stats) for outcome in outcomes for stats in outcome.stats]
    return SearchResult(query.name, hits, alignment, rounds, seconds, comparisons=comparisons)


def _hits(query: Query, database: Database, one: Chain, row: Row, size: float, homolog: float) -> list[Hit]:
    """Returns one hit for each exact copy of the target."""
    evalue, known = evalue_of(one.log_pvalue, size)
    _, score = evalue_of(one.rank, size)
    # a doubtful hit that has built the last model has a high score by it, and yet comes after all homologs
    score = max(score, known) if evalue <= homolog else min(score, -math.log10(homolog))
    low, high = one.span
    length, identity, gapopens, gc = _compared(query, row)
    cosine = _cosine(database, query.vectors, one)
    return [
        Hit(
            query=query.name,
            target=name,
            strand="-" if one.minus else "+",
            qstart=one.parts[0].qstart + 1,
            qend=one.parts[-1].qend,
            tstart=low + 1,
            tend=high,
            length=length,
            identity=identity,
            cosine=cosine,
            score=score,
            bits=one.bits,
            evalue=evalue,
            source=one.source,
            gapopens=gapopens,
            gc=gc,
        )
        for name in database.index.copies(one.sequence)
    ]


def _compared(query: Query, row: Row) -> tuple[int, float, int, float]:
    """Returns (columns, identity, runs of gaps, share of G and C of the target) of query and target aligned."""
    columns, letters = row
    pairs = np.flatnonzero(columns >= 0)
    positions = columns[pairs].astype(np.int64)
    own = np.frombuffer(query.sequence.encode("ascii"), dtype=np.uint8)[positions]
    skipped, inserted = np.diff(positions) - 1, np.diff(pairs) - 1
    length = len(pairs) + int(skipped.sum()) + int(inserted.sum())
    identity = float((own == letters[pairs]).sum()) / length
    gc = float(np.isin(letters, _GC).mean())
    return length, identity, int((skipped > 0).sum() + (inserted > 0).sum()), gc


def _cosine(database: Database, vectors: QueryVectors, one: Chain) -> float:
    """Returns the best cosine of a window of the query to a window over the hit: rounds met it by its relatives'."""
    asked = vectors.minus if one.minus else vectors.plus
    low, high = one.span
    rows = database.index.rows_of(one.sequence)
    _, starts, ends = database.index.windows(rows)
    over = rows[(starts < high) & (ends > low)]
    return float((asked @ database.index.vectors(over).T).max()) if len(over) and len(asked) else math.nan
