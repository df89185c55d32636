"""Rhoma's own ways to search: vectors or lists alone, one pass of the profile, rounds, with a CM."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rhoma import tools
from rhoma.errors import InputError
from rhoma.evaluate.ranking import Answer, RankedHit, measured
from rhoma.io.fasta import write_fasta
from rhoma.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task
    from rhoma.io.m8 import Anchor
    from rhoma.search import SearchConfig

# As the search workflow runs it (conf/modules.config).
_MMSEQS = ("--search-type", "3", "--strand", "2", "-k", "9", "-s", "7.5", "-e", "100", "--max-seqs", "1000")


class RhomaSearch:
    """A search of the index; options are those of ``SearchConfig``, and ``anchors``: MMseqs2's hits join."""

    def __init__(self, task: Task) -> None:
        self._task = task
        options = dict(task.options)
        self._anchors = bool(options.pop("anchors", False))
        self._options: dict[str, Any] = {"report_evalue": 100.0, "seed": task.seed, **options}

    def build(self) -> list[Path]:
        """Returns the index bundle, which is made beforehand, and opens it and the model."""
        from rhoma.index.bundle import Index
        from rhoma.search import Database, SearchConfig

        if self._task.index is None:
            raise InputError("this method needs an index", remedy="make one with 'evaluate index'")
        self._config: SearchConfig = SearchConfig(**self._options)
        shared = self._task.shared
        if "embedder" not in shared:
            shared["embedder"] = self._task.model.load(threads=self._task.threads)
        self._embedder = shared["embedder"]
        self._index = Index.open(self._task.index)
        manifest = self._index.manifest
        self._database = Database(self._index, window=manifest.window, stride=manifest.stride)
        return [self._task.index]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the hits of each query, scored as in hits.tsv; each thread searches a query of its own.

        MMseqs2 searches all queries at once, each query's time is its share of that.
        """
        from concurrent.futures import ThreadPoolExecutor

        anchors, share = self._mmseqs(queries)
        with ThreadPoolExecutor(max_workers=self._task.threads) as pool:
            for answer in pool.map(lambda query: self._one(query, anchors.get(query.id, [])), queries):
                if self._anchors:
                    answer.stages["mmseqs"] = share
                    answer.cost.wall += share
                yield answer

    def _one(self, query: Record, anchors: Sequence[Anchor]) -> Answer:
        from rhoma.search import search

        with measured() as cost:
            result = search(query, self._database, self._config, embed=self._embedder.embed, anchors=anchors)
        hits = []
        for hit in result.hits:
            evalue = hit.evalue if math.isfinite(hit.evalue) else math.nan
            hits.append(RankedHit(query.id, hit.target, hit.strand, hit.score, evalue))
        return Answer(query.id, hits, cost, dict(result.seconds))

    def _mmseqs(self, queries: Sequence[Record]) -> tuple[Mapping[str, Sequence[Anchor]], float]:
        """Returns the places that MMseqs2 finds (as in the search workflow), and seconds a query."""
        from rhoma.io.m8 import read_anchors

        prefix = self._index.mmseqs
        if not self._anchors or prefix is None or not queries:
            return {}, 0.0
        work = self._task.work
        with measured() as cost:
            dna = [Record(query.id, "", query.sequence.replace("U", "T")) for query in queries]
            write_fasta(work / "queries.fa", dna)
            places: list[str | Path] = [work / "queries.fa", prefix, work / "m8", work / "tmp"]
            options = [*_MMSEQS, "--threads", str(self._task.threads), "-v", "1"]
            tools.run(["mmseqs", "easy-search", *places, *options])
            found = read_anchors(work / "m8")
        return found, cost.wall / len(queries)

    def version(self) -> str:
        """Returns the version of rhoma and, where it is used, of MMseqs2."""
        extra = f", MMseqs2 {tools.version('mmseqs')}" if self._anchors else ""
        return f"rhoma {version('rhoma')}{extra}"
