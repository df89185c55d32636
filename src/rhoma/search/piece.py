"""Queries as the rounds take them: cut into pieces that one profile can cover, with their vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rhoma.search.retrieve import query_windows
from rhoma.sequences import reverse_complement
from rhoma.windows import tile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rhoma.io.m8 import Anchor
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.sequences import Record

    Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class QueryVectors:
    """Vectors of the windows of a query, in the order of :func:`rhoma.windows.tile`.

    Attributes:
        plus: (w, d) unit rows.
        minus: (w, d) unit rows of the reverse complements of the same windows, in the same order.
    """

    plus: NDArray[np.float32]
    minus: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Piece:
    """A query, or the stretch of a long one that a single profile covers.

    Attributes:
        name: Name of the query.
        sequence: Letters of the piece.
        offset: 0-based start on the query.
        plus: Vectors of the piece's windows.
        minus: Vectors of the windows of its reverse complement.
        anchors: Places that another tool found with this piece.
        size: Z, the comparisons that the whole database stands for.
    """

    name: str
    sequence: str
    offset: int
    plus: NDArray[np.float32]
    minus: NDArray[np.float32]
    anchors: tuple[Anchor, ...]
    size: float


def padding(config: SearchConfig, length: int, window: int) -> int:
    """Returns the nucleotides added at each end of a window: a homolog longer than the window must fit."""
    return config.pad + max(0, length - window)


def piece_size(config: SearchConfig, database: Database, length: int, pieces: int) -> float:
    """Returns Z for a piece of a query (see :mod:`rhoma.evalue`)."""
    if config.database_size is not None:
        return config.database_size * pieces
    unit = database.window + 2 * padding(config, length, database.window)
    return database.size(unit, pieces)


def embed_queries(sequences: Sequence[str], embed: Embed, *, window: int, stride: int) -> list[QueryVectors]:
    """Returns the vectors of the windows of each query, both strands, from a single call of ``embed``."""
    windows = [query_windows(sequence, window, stride) for sequence in sequences]
    letters = [one for pieces in windows for one in (*pieces, *(reverse_complement(piece) for piece in pieces))]
    if not letters:
        return []
    vectors = np.asarray(embed(letters), dtype=np.float32)
    result, place = [], 0
    for pieces in windows:
        middle, end = place + len(pieces), place + 2 * len(pieces)
        result.append(QueryVectors(vectors[place:middle], vectors[middle:end]))
        place = end
    return result


def cut(length: int, piece: int, overlap: int) -> list[tuple[int, int]]:
    """Returns (start, end) of the pieces of a query: the whole, or equal ones that overlap."""
    if length <= piece:
        return [(0, length)]
    overlap = min(overlap, piece // 2)
    count = math.ceil((length - overlap) / (piece - overlap))
    step = (length - overlap) / count
    return [(round(i * step), min(length, round((i + 1) * step) + overlap)) for i in range(count)]


def make_pieces(
    query: Record,
    database: Database,
    config: SearchConfig,
    vectors: QueryVectors | None,
    anchors: Sequence[Anchor],
) -> list[Piece]:
    """Returns the pieces of a query, each with the windows that lie in it for the most part."""
    length = len(query.sequence)
    borders = cut(length, config.piece, config.overlap)
    table = tile([length], database.window, database.stride)
    middle = (table.start + table.end) // 2
    pieces = []
    for start, end in borders:
        if vectors is None:
            plus = minus = np.empty((0, 0), dtype=np.float32)
        else:
            plus = vectors.plus[(middle >= start) & (middle < end)]
            minus = vectors.minus[(middle >= start) & (middle < end)]
        near = tuple(a for a in anchors if a.qstart < end and a.qend > start)
        size = piece_size(config, database, end - start, len(borders))
        pieces.append(Piece(query.id, query.sequence[start:end], start, plus, minus, near, size))
    return pieces
