"""Rhoma's own ways to search: vectors alone, one pass of the profile, rounds at each effort."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rhoma import tools
from rhoma.errors import InputError
from rhoma.evaluate.ranking import Answer, Cost, RankedHit, measured
from rhoma.search.config import SearchConfig
from rhoma.search.query import embed_queries, make_query
from rhoma.search.retrieval import Candidates, ask, questions_of
from rhoma.search.searcher import Searcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task
    from rhoma.sequences import Record


class RhomaSearch:
    """A search of the index; options are those of ``SearchConfig``, and ``anchors``: MMseqs2's hits join."""

    def __init__(self, task: Task) -> None:
        self._task = task
        options = dict(task.options)
        self._anchors = bool(options.pop("anchors", False))
        self._options: dict[str, Any] = {"report_evalue": 100.0, "seed": task.seed, **options}

    def build(self) -> list[Path]:
        """Returns the index bundle, which is made beforehand, and opens it and the model."""
        if self._task.index is None:
            raise InputError("this method needs an index", remedy="make one with 'evaluate index'")
        self._config = SearchConfig(threads=self._task.threads, **self._options)
        shared = self._task.shared
        if "embedder" not in shared:
            shared["embedder"] = self._task.model.load(threads=self._task.threads)
        self._searcher = Searcher.open(self._task.index, embedder=shared["embedder"])
        return [self._task.index]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the hits of each query, scored by the last model; as many are searched at a time as there are threads.

        MMseqs2 searches all queries at once, each query's time is its share of that.

        Raises:
            InputError: A query failed.
        """
        with measured() as cost:
            anchors = self._searcher.anchors(queries, threads=self._task.threads) if self._anchors else {}
        share = cost.wall / max(1, len(queries))
        for result in self._searcher.search(queries, self._config, anchors=anchors):
            if result.failure:
                raise InputError(result.failure, record=result.query)
            hits = [RankedHit(hit.query, hit.target, hit.strand, hit.score, hit.evalue) for hit in result.hits]
            stages = {**result.seconds, **({"mmseqs": share} if self._anchors else {})}
            yield Answer(result.query, hits, Cost(wall=sum(stages.values())), stages)

    def version(self) -> str:
        """Returns the version of rhoma and, where it is used, of MMseqs2."""
        extra = f", MMseqs2 {tools.version('mmseqs')}" if self._anchors else ""
        return f"rhoma {version('rhoma')}{extra}"


class RhomaVectors:
    """The vectors alone: each target by the cosine of its best window, on either strand.

    Near copies have the score of the sequence that stands for them. The option ``count``: how many windows are listed.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._count = int(task.options.get("count", 20_000))

    def build(self) -> list[Path]:
        """Returns the index bundle, which is made beforehand, and opens it and the model."""
        if self._task.index is None:
            raise InputError("this method needs an index", remedy="make one with 'evaluate index'")
        shared = self._task.shared
        if "embedder" not in shared:
            shared["embedder"] = self._task.model.load(threads=self._task.threads)
        self._embedder = shared["embedder"]
        self._database = Searcher.open(self._task.index, embedder=self._embedder).database
        return [self._task.index]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the targets of each query, scored by cosine."""
        database = self._database
        for query in queries:
            with measured() as cost:
                (vectors,) = embed_queries(
                    [query.sequence], self._embedder.embed, window=database.window, stride=database.stride
                )
                whole = SearchConfig(tile=max(100, len(query.sequence)))
                (tile,) = make_query(query, database, whole, vectors).tiles
                found = ask(database, questions_of(tile), self._count, Candidates.none())
                sequence, _, _ = database.index.windows(found.code // 2)
                best: dict[int, tuple[float, str]] = {}
                for number, minus, score in zip(
                    sequence.tolist(), (found.code % 2).tolist(), found.score.tolist(), strict=True
                ):
                    best.setdefault(number, (score, "-" if minus else "+"))
                hits = [
                    RankedHit(query.id, name, strand, score, math.nan)
                    for number, (score, strand) in best.items()
                    for copy in (number, *database.index.represented(number).tolist())
                    for name in database.index.copies(copy)
                ]
            yield Answer(query.id, hits, cost)

    def version(self) -> str:
        """Returns the version of rhoma."""
        return f"rhoma {version('rhoma')}"
