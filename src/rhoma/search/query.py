"""A query as the search takes it: tiles that one profile can cover, each with the vectors of its windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import ArtefactError
from rhoma.sequences import digest, reverse_complement
from rhoma.windows import tile as tile_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rhoma.io.m8 import Anchor
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.sequences import Record
    from rhoma.store import EmbeddingStore

    Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class QueryVectors:
    """Vectors of the windows of a query, in the order of :func:`rhoma.windows.tile`.

    Attributes:
        plus: (w, d) unit rows.
        minus: (w, d) unit rows of the reverse complements of the same windows, in the same order.
    """

    plus: NDArray[np.float32]
    minus: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A query, or the stretch of a long one that a single profile covers.

    Attributes:
        number: 0 for the first.
        sequence: Letters of the tile.
        offset: 0-based start on the query.
        begins: (w,) int64 starts of its windows on the tile.
        vectors: Their vectors.
        anchors: Places that another tool found with this tile.
    """

    number: int
    sequence: str
    offset: int
    begins: NDArray[np.int64]
    vectors: QueryVectors
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A query with its tiles.

    Attributes:
        name: Its name.
        sequence: Its letters.
        vectors: Vectors of all its windows; empty where nothing embeds.
        tiles: In order; neighbours overlap.
    """

    name: str
    sequence: str
    vectors: QueryVectors
    tiles: tuple[Tile, ...]


def window_letters(sequence: str, window: int, stride: int) -> list[str]:
    """Returns the windows of a query in their order."""
    table = tile_windows([len(sequence)], window, stride)
    return [sequence[s:e] for s, e in zip(table.start.tolist(), table.end.tolist(), strict=True)]


def embed_queries(sequences: Sequence[str], embed: Embed, *, window: int, stride: int) -> list[QueryVectors]:
    """Returns the vectors of the windows of each query, both strands, from a single call of ``embed``."""
    windows = [window_letters(sequence, window, stride) for sequence in sequences]
    letters = [one for pieces in windows for one in (*pieces, *(reverse_complement(piece) for piece in pieces))]
    if not letters:
        return []
    # the digits that an embedding store keeps: with one or without, the hits are the same
    vectors = np.asarray(embed(letters), dtype=np.float16).astype(np.float32)
    result, place = [], 0
    for pieces in windows:
        middle, end = place + len(pieces), place + 2 * len(pieces)
        result.append(QueryVectors(vectors[place:middle], vectors[middle:end]))
        place = end
    return result


def stored_vectors(store: EmbeddingStore, query: Record) -> QueryVectors:
    """Returns the vectors of a query's windows that a store holds.

    Raises:
        InputError: When the store has no such sequence.
        ArtefactError: When it holds another sequence of this name, or one strand only.
    """
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


def cut(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Returns (start, end) of the tiles of a query: the whole, or equal ones that overlap."""
    if length <= tile:
        return [(0, length)]
    overlap = min(overlap, tile // 2)
    count = math.ceil((length - overlap) / (tile - overlap))
    step = (length - overlap) / count
    return [(round(i * step), min(length, round((i + 1) * step) + overlap)) for i in range(count)]


def make_query(
    record: Record,
    database: Database,
    config: SearchConfig,
    vectors: QueryVectors | None,
    anchors: Sequence[Anchor] = (),
) -> Query:
    """Returns a query with its tiles, each with the windows that lie over it.

    A window belongs to a tile if half of the shorter of the two is shared; a tile has at least the window that it
    shares most with.
    """
    length = len(record.sequence)
    borders = cut(length, config.tile, config.overlap)
    table = tile_windows([length], database.window, database.stride)
    first, last = table.start.astype(np.int64), table.end.astype(np.int64)
    if vectors is None:
        vectors = QueryVectors(*(np.empty((0, 0), dtype=np.float32) for _ in range(2)))
        first = last = np.empty(0, dtype=np.int64)
    tiles = []
    for number, (start, end) in enumerate(borders):
        shared = np.minimum(last, end) - np.maximum(first, start)
        over = np.flatnonzero(2 * shared >= np.minimum(last - first, end - start))
        if not len(over) and len(shared):
            over = np.array([int(np.argmax(shared))])
        near = tuple(a for a in anchors if a.qstart < end and a.qend > start)
        own = QueryVectors(vectors.plus[over], vectors.minus[over])
        tiles.append(Tile(number, record.sequence[start:end], start, first[over] - start, own, near))
    return Query(record.id, record.sequence, vectors, tuple(tiles))
