"""Rhoma's own ways to search: vectors or lists alone, one pass of the profile, rounds, the covariance model."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rhoma import tools
from rhoma.errors import InputError
from rhoma.evaluate.ranking import Answer, RankedHit, measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task
    from rhoma.search import Anchor, SearchConfig
    from rhoma.sequences import Record


class RhomaSearch:
    """A search of the index bundle; options are those of ``SearchConfig``, and ``anchors``: MMseqs2's hits join."""

    def __init__(self, task: Task) -> None:
        self._task = task
        options = dict(task.options)
        self._anchors = bool(options.pop("anchors", False))
        self._options: dict[str, Any] = {"report_evalue": 100.0, "seed": task.seed, **options}

    def build(self) -> list[Path]:
        """Returns the index bundle, which is made beforehand, and opens it and the model."""
        from rhoma.index.bundle import Index
        from rhoma.model import load_embedder
        from rhoma.search import Database, SearchConfig

        if self._task.index is None:
            raise InputError("this method needs an index", remedy="make one with 'evaluate index'")
        self._config: SearchConfig = SearchConfig(**self._options)
        shared = self._task.shared
        if self._config.vectors != "kmer" and "embedder" not in shared:
            shared["embedder"] = load_embedder(self._task.model, device="cpu", threads=self._task.threads)
        self._embedder = shared.get("embedder")
        self._index = Index.open(self._task.index)
        manifest = self._index.manifest
        self._database = Database(self._index, window=manifest.window, stride=manifest.stride)
        return [self._task.index]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the hits of each query, scored as in hits.tsv."""
        from rhoma.search import search

        embed = self._embedder.embed if self._embedder is not None else None
        for query in queries:
            with measured() as cost:
                stages: dict[str, float] = {}
                anchors: list[Anchor] = []
                if self._anchors:
                    with measured() as retrieval:
                        anchors = self._mmseqs(query)
                    stages["mmseqs"] = retrieval.wall
                result = search(query, self._database, self._config, embed=embed, anchors=anchors)
                hits = [
                    RankedHit(
                        query.id,
                        hit.target,
                        hit.strand,
                        hit.score,
                        hit.evalue if math.isfinite(hit.evalue) else math.nan,
                    )
                    for hit in result.hits
                ]
            yield Answer(query.id, hits, cost, {**stages, **result.seconds})

    def _mmseqs(self, query: Record) -> list[Anchor]:
        """Returns the places that MMseqs2 finds, with the settings of the search workflow."""
        from rhoma.evaluate.methods.mmseqs_anchors import find_anchors

        prefix = self._index.mmseqs
        return [] if prefix is None else find_anchors(query, prefix, self._task.work, self._task.threads)

    def version(self) -> str:
        """Returns the version of rhoma and, where it is used, of MMseqs2."""
        extra = f", MMseqs2 {tools.version('mmseqs')}" if self._anchors else ""
        return f"rhoma {version('rhoma')}{extra}"
