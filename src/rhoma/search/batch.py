"""The search of a batch of queries, and the files it leaves.

``hits.tsv``, ``hits.m8``, ``rounds.tsv``, ``alignments/<query>.sto`` and, where a covariance model scored,
``hits.tblout`` depend on the input alone; ``timings.tsv`` does not.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from rhoma.artifacts import artefact_directory
from rhoma.errors import ArtefactError
from rhoma.hits import label_hits, sort_hits
from rhoma.io.hits import write_hits_tsv
from rhoma.io.m8 import write_m8
from rhoma.io.tblout import write_tblout
from rhoma.search.engine import SearchResult, search
from rhoma.search.piece import QueryVectors, embed_queries
from rhoma.sequences import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rhoma.io.m8 import Anchor
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.search.piece import Embed
    from rhoma.sequences import Record
    from rhoma.store import EmbeddingStore


def stored_vectors(store: EmbeddingStore, query: Record) -> QueryVectors:
    """Returns the vectors of a query's windows that a store holds.

    Raises:
        InputError: When the store has no such sequence.
        ArtefactError: When it holds another sequence of this name, or one strand only.
    """
    from rhoma.sequences import digest

    place = store.rows(query.id)
    number = store.place(query.id)
    if store.manifest.strands != "both":
        raise ArtefactError(
            "holds one strand, queries need both", path=store.path, remedy="embed them with --strands both"
        )
    if number is None or store.digests[number] != digest(query.sequence):
        raise ArtefactError(
            f"holds another sequence of the name {query.id!r}",
            path=store.path,
            remedy="embed this batch again",
        )
    vectors = np.asarray(store.vectors[place], dtype=np.float32)
    minus = store.minus[place]
    return QueryVectors(vectors[~minus], vectors[minus])


def search_all(
    queries: Sequence[Record],
    database: Database,
    config: SearchConfig,
    *,
    embed: Embed | None = None,
    store: EmbeddingStore | None = None,
    anchors: Mapping[str, Sequence[Anchor]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[SearchResult]:
    """Returns the results of queries in their order, ``config.threads`` of them searched at a time.

    Args:
        queries: The queries.
        database: The index.
        config: Settings.
        embed: Returns unit vectors of windows.
        store: Vectors of the queries.
        anchors: Places that another tool found, by query.
        progress: Called with (done, total).
    """
    vectors: dict[str, QueryVectors] = {}
    if store is not None:
        vectors = {query.id: stored_vectors(store, query) for query in queries}
    elif embed is not None:
        found = embed_queries(
            [query.sequence for query in queries], embed, window=database.window, stride=database.stride
        )
        vectors = {query.id: one for query, one in zip(queries, found, strict=True)}

    def one(query: Record) -> SearchResult:
        places = (anchors or {}).get(query.id, ())
        return search(query, database, config, embed=embed, vectors=vectors.get(query.id), anchors=places)

    results = []
    with ThreadPoolExecutor(max_workers=config.threads) as pool:
        try:
            for result in pool.map(one, queries):
                results.append(result)
                if progress is not None:
                    progress(len(results), len(queries))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return results


def write_results(
    out: Path,
    results: Sequence[SearchResult],
    *,
    labels: Mapping[str, tuple[str, str]] | None = None,
    covariance: bool = False,
) -> None:
    """Writes the files of a batch, all or none.

    Args:
        out: Directory to make.
        results: One entry a query.
        labels: Family and clan by target.
        covariance: Whether a covariance model scored.

    Raises:
        InputError: When ``out`` is in use or cannot be written.
    """
    hits = sort_hits(hit for result in results for hit in label_hits(result.hits, labels or {}))
    with artefact_directory(out) as work:
        write_hits_tsv(work / "hits.tsv", hits)
        write_m8(work / "hits.m8", hits)
        if covariance:
            write_tblout(work / "hits.tblout", [line for result in results for line in result.cm_hits])
        rounds = ["query\tpiece\tround\tshortlist\tregions\tincluded\tnew"]
        timings = ["query\tstage\tseconds"]
        for result in results:
            for piece, stats in result.rounds:
                rounds.append(
                    f"{result.query}\t{piece}\t{stats.round}\t{stats.shortlist}\t{stats.regions}"
                    f"\t{stats.included}\t{stats.new}"
                )
                timings.append(f"{result.query}\tround {piece}.{stats.round}\t{stats.seconds:.4f}")
            timings += [f"{result.query}\t{stage}\t{spent:.4f}" for stage, spent in result.seconds.items()]
        (work / "rounds.tsv").write_text("".join(f"{line}\n" for line in rounds))
        (work / "timings.tsv").write_text("".join(f"{line}\n" for line in timings))
        (work / "alignments").mkdir()
        for result in results:
            (work / "alignments" / f"{safe_name(result.query)}.sto").write_text(result.alignment)
