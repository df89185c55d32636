"""The door: an open index that searches any number of queries, each in a process of its own where there are more.

For example::

    from rhoma import SearchConfig, Searcher, read_fasta

    if __name__ == "__main__":
        records, _ = read_fasta("queries.fasta")
        with Searcher.open("index") as searcher:
            for result in searcher.search(records, SearchConfig(evalue=1e-5, threads=4)):
                print(result.query, [hit.target for hit in result.hits])

With ``threads`` above 1 the guard is needed: the processes that search begin by reading the script again, and without
it each of them would start the search anew.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rhoma import tools
from rhoma.alignment import Alignment
from rhoma.errors import ArtefactError, reason_of
from rhoma.manifest import check_model
from rhoma.processes import Processes
from rhoma.search.anchors import find_anchors
from rhoma.search.config import SearchConfig
from rhoma.search.database import Database
from rhoma.search.pipeline import SearchResult, search
from rhoma.search.query import embed_queries, stored_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rhoma.io.m8 import Anchor
    from rhoma.models.embedder import Embedder
    from rhoma.models.runtimes import Device
    from rhoma.search.query import QueryVectors
    from rhoma.sequences import Record
    from rhoma.store import EmbeddingStore

_Task = tuple["Record", "SearchConfig", "QueryVectors | None", "Sequence[Anchor]"]


class Searcher:
    """An open index, and what embeds queries for it; close it, or use it in a ``with``, where threads are several.

    Args:
        database: The index.
        embedder: Embeds queries; without it they need vectors.
        path: Directory of the index, which processes of their own open again; None keeps all work in this one.

    Attributes:
        database: The index.
    """

    def __init__(self, database: Database, embedder: Embedder | None = None, *, path: Path | None = None) -> None:
        self.database = database
        self._embedder = embedder
        self._path = path
        self._processes: Processes[_Task, SearchResult] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes that have searched; a later search starts new ones."""
        if self._processes is not None:
            self._processes.close()
            self._processes = None

    @classmethod
    def open(
        cls,
        index: Path | str,
        *,
        model: Path | str | None = None,
        model_dir: Path | str | None = None,
        device: Device = "cpu",
        threads: int = 1,
        embedder: Embedder | None = None,
        embed: bool = True,
    ) -> Searcher:
        """Returns a searcher of the index in a directory.

        Args:
            index: The directory.
            model: Model bundle that queries are embedded with; by default the shipped one.
            model_dir: Directory of public models' weights.
            device: Where queries are embedded and, with one thread, windows are searched, if faiss can use a GPU.
            threads: For embedding.
            embedder: A model that is loaded already, in place of ``model``.
            embed: Whether queries will be embedded here; without, every search needs their vectors.

        Raises:
            ArtefactError: The index is damaged, or was made with another model.
        """
        from rhoma.models.embedder import load_embedder

        if embed and embedder is None:
            given = None if model is None else Path(model)
            weights = None if model_dir is None else Path(model_dir)
            embedder = load_embedder(given, device=device, threads=threads, model_dir=weights)
        database = _opened(Path(index), None if embedder is None else embedder.sha256, device)
        if embedder is not None and (embedder.window, embedder.stride) != (database.window, database.stride):
            raise ArtefactError(
                f"has windows of {database.window} every {database.stride} nucleotides, the model of"
                f" {embedder.window} every {embedder.stride}",
                path=Path(index),
                remedy="use the model it was made with",
            )
        return cls(database, embedder, path=Path(index))

    def search(
        self,
        queries: Sequence[Record],
        config: SearchConfig | None = None,
        *,
        store: EmbeddingStore | None = None,
        anchors: Mapping[str, Sequence[Anchor]] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[SearchResult]:
        """Returns the results of queries in their order; one that fails has a result that says why.

        Args:
            queries: RNA of 15 nt or more, names distinct.
            config: Settings; ``threads`` queries are searched at a time, and fewer share the threads.
            store: Vectors of the queries, both strands; else they are embedded.
            anchors: Places that another tool found, by query; see :meth:`anchors`.
            progress: Called with (queries done, queries).

        Raises:
            ArtefactError: The vectors are those of another model, or of other sequences.
            ToolError: Infernal is needed and missing.
        """
        config = config or SearchConfig()
        if config.effort != "fast":
            for program in ("cmbuild", "cmsearch"):
                tools.require(program)
        vectors = self._vectors(queries, store)
        apart = None
        if min(config.threads, len(queries)) > 1 and self._path is not None:
            apart = self._apart(self._path, config.threads)
        share = config.threads if apart is None else max(1, config.threads // len(queries))
        each = config.model_copy(update={"threads": share})
        tasks: list[_Task] = [(q, each, vectors[n], (anchors or {}).get(q.id, ())) for n, q in enumerate(queries)]
        results = []
        for result in map(self._here, tasks) if apart is None else apart.results(tasks):
            results.append(result)
            if progress is not None:
                progress(len(results), len(queries))
        return results

    def anchors(self, queries: Sequence[Record], *, threads: int = 1) -> dict[str, list[Anchor]]:
        """Returns the places that MMseqs2 finds, by query; none where index or machine are without it.

        Raises:
            ToolError: MMseqs2 has failed.
        """
        index = self.database.index
        return find_anchors(queries, getattr(index, "mmseqs", None), index.total_residues, threads=threads)

    def _vectors(self, queries: Sequence[Record], store: EmbeddingStore | None) -> list[QueryVectors | None]:
        if store is not None:
            manifest = getattr(self.database.index, "manifest", None)
            if manifest is not None and self._path is not None:
                check_model(manifest, self._path, store.manifest.model.sha256)
            return [stored_vectors(store, query) for query in queries]
        if self._embedder is None:
            return [None] * len(queries)
        letters = [query.sequence for query in queries]
        window, stride = self.database.window, self.database.stride
        return list(embed_queries(letters, self._embedder.embed, window=window, stride=stride))

    def _here(self, task: _Task) -> SearchResult:
        return _searched(self.database, task)

    def _apart(self, path: Path, workers: int) -> Processes[_Task, SearchResult]:
        """Returns the processes that search; they open the index by themselves and live until `close`."""
        if self._processes is None or self._processes.workers != workers:
            self.close()
            self._processes = Processes(workers, partial(_searching, path), _killed)
        return self._processes


def _opened(path: Path, model_sha256: str | None, device: Device = "cpu") -> Database:
    from rhoma.index.bundle import Index

    # torch may have a GPU where faiss was built without
    index = Index.open(path, model_sha256=model_sha256, device="cpu" if device == "cpu" else "auto")
    return Database(index, window=index.manifest.window, stride=index.manifest.stride)


def _searched(database: Database, task: _Task) -> SearchResult:
    """Returns the result of one query; whatever goes wrong with it is told there, and the others go on."""
    record, config, vectors, anchors = task
    try:
        return search(record, database, config, vectors=vectors, anchors=anchors)
    except Exception as error:  # noqa: BLE001 (any query may hit what nobody thought of; its row says what)
        return _failed(record, reason_of(error))


def _failed(record: Record, reason: str) -> SearchResult:
    alone = Alignment((record.id,), (record.sequence,), rf="x" * len(record.sequence))
    return SearchResult(record.id, [], alone, failure=reason)


def _searching(path: Path) -> Callable[[_Task], SearchResult]:
    """Returns what searches an index, opened in this process."""
    return partial(_searched, _opened(path, None))


def _killed(task: _Task) -> SearchResult:
    return _failed(task[0], "the process that searched it was killed; it may need more memory")
