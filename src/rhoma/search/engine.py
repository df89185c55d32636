"""The search of one query: cut, run the rounds, chain, calibrate, align."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rhoma.evalue import evalue_of
from rhoma.hits import Hit, sort_hits
from rhoma.profile import ProfileScorer
from rhoma.search.alignment import stockholm
from rhoma.search.chains import Chain, join_pieces, piece_chains, resolve
from rhoma.search.piece import embed_queries, make_pieces
from rhoma.search.rounds import Rounds
from rhoma.search.single import list_hits, vector_chains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.io.m8 import Anchor
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.search.outcome import Outcome, RoundStats
    from rhoma.search.piece import Embed, QueryVectors
    from rhoma.sequences import Record


@dataclass(frozen=True)
class SearchResult:
    """What is known of a query after its search.

    Attributes:
        query: Its name.
        hits: Sorted as ``hits.tsv``; empty where no homolog was found.
        alignment: Stockholm text of the query and its homologs; the query alone where there is none.
        rounds: (piece, what the round did), in order.
        seconds: Seconds by stage.
        cm_hits: Lines of Infernal's table of hits (``--sensitive``).
    """

    query: str
    hits: list[Hit]
    alignment: str
    rounds: list[tuple[int, RoundStats]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    cm_hits: tuple[str, ...] = ()


def search(
    query: Record,
    database: Database,
    config: SearchConfig,
    *,
    embed: Embed | None = None,
    vectors: QueryVectors | None = None,
    anchors: Sequence[Anchor] = (),
) -> SearchResult:
    """Returns the homologs of one query.

    Args:
        query: The query, 15 nt or more.
        database: The index.
        config: Settings.
        embed: Returns unit vectors of windows; needed where ``vectors`` is not given, and for hits that only
            vectors found (without it there are none).
        vectors: Vectors of the query's windows, if they are known.
        anchors: Places that another tool (MMseqs2) found; they are scored whatever the vectors say.
    """
    seconds: dict[str, float] = {}
    if vectors is None and embed is not None:
        began = time.perf_counter()
        vectors = embed_queries([query.sequence], embed, window=database.window, stride=database.stride)[0]
        seconds["embed"] = time.perf_counter() - began
    pieces = make_pieces(query, database, config, vectors, anchors)
    scorer = ProfileScorer(seed=config.seed)
    if config.mode == "list":
        return SearchResult(query.id, list_hits(query, database, scorer, pieces, config), _alone(query))
    outcomes: list[Outcome] = []
    rounds: list[tuple[int, RoundStats]] = []
    chains: list[Chain] = []
    cm_lines: list[str] = []
    for number, piece in enumerate(pieces):
        covariance = None
        if config.sensitive:
            from rhoma.search.sensitive import CovarianceStep

            covariance = CovarianceStep(database, scorer, piece, config)
        outcome = Rounds(database, scorer, piece, config, covariance).run()
        found = piece_chains(number, piece.offset, outcome)
        if covariance is not None:
            began = time.perf_counter()
            found = covariance.rank(outcome, resolve(found), number)
            cm_lines += covariance.lines
            outcome.seconds["cm"] = covariance.seconds + time.perf_counter() - began
        outcomes.append(outcome)
        rounds += [(number + 1, stats) for stats in outcome.stats]
        chains += found
        for stage, spent in outcome.seconds.items():
            seconds[stage] = seconds.get(stage, 0.0) + spent
    began = time.perf_counter()
    chains = resolve(join_pieces(chains) if len(pieces) > 1 else chains)
    size = pieces[0].size
    limit = math.log(config.report_evalue) - math.log(size)
    chains = [chain for chain in chains if chain.log_pvalue <= limit]
    seconds["calibrate"] = 0.0
    if embed is not None:
        chains += vector_chains(query, database, embed, pieces, outcomes, chains, config)
        seconds["calibrate"] = time.perf_counter() - began
    if vectors is not None:
        chains = [replace(chain, cosine=_cosine(database, vectors, chain)) for chain in chains]
    hits = sort_hits(hit for chain in chains for hit in _hits(query, database, chain, size))
    began = time.perf_counter()
    homologs = [(chain, evalue_of(chain.log_pvalue, size)[0]) for chain in chains if chain.source != "vector"]
    homologs = [(chain, evalue) for chain, evalue in homologs if evalue <= config.evalue]
    alignment = stockholm(
        query.id,
        scorer,
        database,
        outcomes,
        [piece.offset for piece in pieces],
        [chain for chain, _ in homologs],
        [evalue for _, evalue in homologs],
    )
    seconds["align"] = time.perf_counter() - began
    return SearchResult(query.id, hits, alignment, rounds, seconds, tuple(cm_lines))


def _cosine(database: Database, vectors: QueryVectors, chain: Chain) -> float:
    """Returns the best cosine of a window of the query to a window over the hit: rounds met it by its relatives'."""
    low, high = chain.stretch
    rows = database.index.rows_of(chain.sequence)
    _, starts, ends = database.index.windows(rows)
    over = rows[(starts < high) & (ends > low)]
    asked = vectors.plus if chain.strand == "+" else vectors.minus
    return float((asked @ database.index.vectors(over).T).max())


def _alone(query: Record) -> str:
    reference = "x" * len(query.sequence)
    width = max(len(query.id), len("#=GC RF"))
    return (
        f"# STOCKHOLM 1.0\n#=GF ID {query.id}\n{query.id:<{width}} {query.sequence}\n"
        f"{'#=GC RF':<{width}} {reference}\n//\n"
    )


def _hits(query: Record, database: Database, chain: Chain, size: float) -> list[Hit]:
    """Returns one hit for each exact copy of the target."""
    evalue, score = evalue_of(chain.log_pvalue, size)
    low, high = chain.stretch
    return [
        Hit(
            query=query.id,
            target=name,
            strand=chain.strand,
            qstart=chain.qstart + 1,
            qend=chain.qend,
            tstart=low + 1,
            tend=high,
            length=chain.length,
            identity=chain.identical / chain.length if chain.length else 0.0,
            cosine=chain.cosine,
            score=score,
            bits=chain.bits,
            evalue=evalue,
            source=chain.source,
            gapopens=chain.gapopens,
        )
        for name in database.index.copies(chain.sequence)
    ]
