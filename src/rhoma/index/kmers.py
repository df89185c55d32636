"""Exact cosine of sparse k-mer tf-idf vectors, by an inverted index of the windows of each k-mer.

The k-mers are contiguous 7-mers and spaced ones: a pattern such as ``1110010111`` reads the letters under its ones and
skips those under its zeros, so that single substitutions break fewer words (Ma, Tromp and Li 2002, PatternHunter).
A segment stores raw counts only. Document frequencies are those of the whole index, so that scores do not depend on
how the windows are spread over segments. The weight of a k-mer is ``sqrt(count) * (1 + ln((1 + n) / (1 + df)))`` with n
windows in the index, df of which hold it. k-mers with a letter other than A, C, G and U are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rhoma.index import topk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

# the first pattern is the contiguous 7-mer, the field's plain choice, which can be searched alone
PATTERNS = ("1111111", "11011011", "1101010111", "1110010111")
_PLACES = tuple(tuple(i for i, mark in enumerate(pattern) if mark == "1") for pattern in PATTERNS)
_OFFSETS = np.cumsum([0, *(4 ** len(places) for places in _PLACES)])
N_KMERS = int(_OFFSETS[-1])
N_CONTIGUOUS = int(_OFFSETS[1])
_BLOCK_WINDOWS = 20_000
_FILES = ("kmers.indptr.npy", "kmers.rows.npy", "kmers.counts.npy")
_LETTERS = np.full(256, 4, dtype=np.uint8)
_LETTERS[np.frombuffer(b"ACGU", dtype=np.uint8)] = np.arange(4, dtype=np.uint8)


def count_kmers(sequences: Sequence[str]) -> csr_array:
    """Returns the (n, N_KMERS) int32 counts of the k-mers of sequences, columns sorted in every row.

    The columns of a pattern stand together, in the order of ``PATTERNS``.
    """
    from scipy.sparse import csr_array

    letters = _LETTERS[np.frombuffer("|".join([*sequences, ""]).encode("ascii"), dtype=np.uint8)]
    owner = np.repeat(np.arange(len(sequences)), [len(sequence) + 1 for sequence in sequences])
    rows, columns = [], []
    for places, offset in zip(_PLACES, _OFFSETS, strict=False):
        size = max(0, len(letters) - places[-1])
        codes = np.zeros(size, dtype=np.int32)
        # a word that reaches over the end of its sequence may skip the separator, so the owner decides
        valid = owner[:size] == owner[places[-1] : places[-1] + size]
        for place in places:
            column = letters[place : place + size]
            codes = codes * 4 + column
            valid &= column < 4
        rows.append(owner[:size][valid])
        columns.append(codes[valid] + offset)
    row, column = np.concatenate(rows), np.concatenate(columns)
    counts = csr_array((np.ones(len(row), dtype=np.int32), (row, column)), shape=(len(sequences), N_KMERS))
    counts.sum_duplicates()
    counts.sort_indices()
    return counts


@dataclass(frozen=True)
class Postings:
    """The windows of each k-mer and how often they hold it.

    Attributes:
        first: (N_KMERS + 1,) int64; the postings of k-mer i are ``first[i]:first[i + 1]``.
        rows: int32 window numbers, ascending within a k-mer.
        counts: uint8, as far as 255.
        n_windows: number of windows, those without any k-mer included.
    """

    first: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint8]
    n_windows: int

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """Returns (N_KMERS,) int64: how many windows hold each k-mer."""
        return np.diff(self.first)

    @classmethod
    def of(cls, sequences: Sequence[str]) -> Postings:
        """Returns the postings of windows, given by their letters."""
        from scipy.sparse import vstack

        blocks = []
        for start in range(0, len(sequences), _BLOCK_WINDOWS):
            block = count_kmers(sequences[start : start + _BLOCK_WINDOWS])
            block.data = np.minimum(block.data, 255).astype(np.uint8)
            blocks.append(block)
        table = (vstack(blocks) if blocks else count_kmers([]).astype(np.uint8)).tocsc()
        table.sort_indices()
        return cls(
            table.indptr.astype(np.int64),
            table.indices.astype(np.int32),
            table.data.astype(np.uint8),
            len(sequences),
        )

    def write(self, directory: Path) -> None:
        """Writes the three arrays as ``kmers.*.npy``."""
        arrays: tuple[NDArray[np.integer], ...] = (self.first, self.rows, self.counts)
        for name, array in zip(_FILES, arrays, strict=True):
            np.save(directory / name, array)

    @classmethod
    def read(cls, directory: Path, n_windows: int) -> Postings:
        """Returns the postings of a directory, memory-mapped."""
        first, rows, counts = (np.load(directory / name, mmap_mode="r") for name in _FILES)
        return cls(np.asarray(first), rows, counts, n_windows)


def inverse_frequencies(
    frequencies: NDArray[np.int64], n_windows: int, *, contiguous: bool = False
) -> NDArray[np.float32]:
    """Returns (N_KMERS,) float32 weights of the k-mers in an index of so many windows.

    Spaced k-mers weigh nothing where `contiguous` is set: cosines are then those of contiguous 7-mers alone.
    """
    weights: NDArray[np.float64] = 1.0 + np.log((1.0 + n_windows) / (1.0 + frequencies))
    if contiguous:
        weights[N_CONTIGUOUS:] = 0
    return weights.astype(np.float32)


class KmerIndex:
    """The k-mers of some windows, searchable by cosine.

    Args:
        postings: the windows of each k-mer.
        weights: (N_KMERS,) inverse document frequencies of the whole index.
    """

    def __init__(self, postings: Postings, weights: NDArray[np.float32]) -> None:
        self._postings = postings
        self._weights = weights
        self._norms: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """Returns the number of windows."""
        return self._postings.n_windows

    def _window_norms(self) -> NDArray[np.float32]:
        """Returns (n,) norms of the windows; 1 where a window has no k-mer of any weight."""
        if self._norms is None:
            squares = np.zeros(len(self), dtype=np.float32)
            first = self._postings.first.tolist()
            for kmer in np.flatnonzero(self._weights).tolist():
                part = slice(first[kmer], first[kmer + 1])
                squares[self._postings.rows[part]] += self._postings.counts[part] * self._weights[kmer] ** 2
            self._norms = np.sqrt(np.where(squares > 0, squares, np.float32(1)))
        return self._norms

    def scores(self, kmers: NDArray[np.integer], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns (n,) cosines of all windows to a query of unit length: its k-mers and their weights."""
        from scipy.sparse import csc_array

        first = self._postings.first
        parts = [slice(*first[kmer : kmer + 2].tolist()) for kmer in kmers]
        if not parts:
            return np.zeros(len(self), dtype=np.float32)
        rows = np.concatenate([self._postings.rows[part] for part in parts])
        counts = np.sqrt(np.concatenate([self._postings.counts[part] for part in parts]), dtype=np.float32)
        ends = np.concatenate([[0], np.cumsum([part.stop - part.start for part in parts])])
        # The lists of the query's k-mers, as the columns of a matrix: scipy adds them up in one pass.
        lists = csc_array((counts, rows, ends.astype(np.int32)), shape=(len(self), len(parts)))
        total: NDArray[np.float32] = lists @ (weights * self._weights[kmers])
        total /= self._window_norms()
        return total

    def search(
        self, sequences: Sequence[str], k: int, *, alive: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns the best k windows of each sequence that share a k-mer with it.

        Args:
            sequences: m windows of queries.
            k: results a query.
            alive: (n,) windows that may be found; all, where it is None.

        Returns:
            (m, k) float32 cosines and (m, k) int64 rows, by (cosine descending, row ascending); -inf and -1
            where there are fewer than k.
        """
        found = topk.empty(len(sequences), k)
        counts = count_kmers(sequences)
        for query in range(len(sequences)):
            part = slice(counts.indptr[query], counts.indptr[query + 1])
            kmers = counts.indices[part]
            weights = np.sqrt(np.minimum(counts.data[part], 255)) * self._weights[kmers]
            kmers, weights = kmers[weights > 0], weights[weights > 0]
            norm = float(np.linalg.norm(weights))
            if norm == 0.0 or not len(self):
                continue
            scores = self.scores(kmers, (weights / norm).astype(np.float32))
            scores[scores <= 0] = topk.NO_SCORE
            if alive is not None:
                scores[~alive] = topk.NO_SCORE
            places = topk.best(scores, k)
            found[0][query, : len(places)] = scores[places]
            found[1][query, : len(places)] = places
        return found
