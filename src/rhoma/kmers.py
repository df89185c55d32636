"""k-mers, and vectors of contiguous 7-mers: what learned ones are compared with, and how alike members of a family are.

In tf-idf vectors the weight of a k-mer is ``sqrt(count) * (1 + ln((1 + n) / (1 + df)))`` with n texts in the
collection, df of which hold it. k-mers with a letter other than A, C, G and U are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

K = 7
N_KMERS = 4**K
_LETTERS = np.full(256, 4, dtype=np.uint8)
_LETTERS[np.frombuffer(b"ACGU", dtype=np.uint8)] = np.arange(4, dtype=np.uint8)


def codes_of(sequences: Sequence[str], k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns (sequence, code) of every k-mer, in the order of the text; codes are below 4^k, k at most 31."""
    # a letter that is no nucleotide stands after every sequence, so that no k-mer reaches over its end
    letters = _LETTERS[np.frombuffer("|".join([*sequences, ""]).encode("ascii"), dtype=np.uint8)]
    lengths = np.array([len(sequence) + 1 for sequence in sequences], dtype=np.int64)
    owner = np.repeat(np.arange(len(sequences), dtype=np.int64), lengths)
    size = max(0, len(letters) - k + 1)
    codes = np.zeros(size, dtype=np.int64)
    valid = np.ones(size, dtype=np.bool_)
    for place in range(k):
        column = letters[place : place + size]
        codes = codes * 4 + column
        valid &= column < 4
    return owner[:size][valid], codes[valid]


def count_kmers(sequences: Sequence[str]) -> csr_array:
    """Returns the (n, N_KMERS) int32 counts of the k-mers of sequences, columns sorted in every row."""
    from scipy.sparse import csr_array

    row, word = codes_of(sequences, K)
    counts = csr_array((np.ones(len(row), dtype=np.int32), (row, word)), shape=(len(sequences), N_KMERS))
    counts.sum_duplicates()
    counts.sort_indices()
    return counts


@dataclass(frozen=True)
class KmerVectors:
    """The tf-idf vectors of a collection.

    Attributes:
        weights: (N_KMERS,) float32 inverse document frequencies.
        rows: (n, N_KMERS) float32 unit rows; a text without k-mers has a row of zeros.
    """

    weights: NDArray[np.float32]
    rows: csr_array

    @classmethod
    def of(cls, texts: Sequence[str]) -> KmerVectors:
        """Returns the vectors of texts, weighted by their own frequencies."""
        counts = count_kmers(texts)
        frequencies = np.bincount(counts.indices, minlength=N_KMERS)
        weights = (1.0 + np.log((1.0 + len(texts)) / (1.0 + frequencies))).astype(np.float32)
        return cls(weights, unit_rows(counts, weights))

    def transform(self, texts: Sequence[str]) -> csr_array:
        """Returns the (m, N_KMERS) float32 unit rows of other texts, weighted by this collection."""
        return unit_rows(count_kmers(texts), self.weights)

    def cosines(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns the (m, n) float32 cosines of other texts to those of the collection."""
        cosines: NDArray[np.float32] = (self.transform(texts) @ self.rows.T).toarray()
        return cosines


def unit_rows(counts: csr_array, weights: NDArray[np.float32] | None = None) -> csr_array:
    """Returns the (n, N_KMERS) float32 unit rows of root counts; a row of zeros stays as it is.

    Args:
        counts: of k-mers, as of :func:`count_kmers`.
        weights: (N_KMERS,) float32, of each k-mer; None for equal ones.
    """
    rows = counts.astype(np.float32)
    rows.data = np.sqrt(rows.data)
    if weights is not None:
        rows.data *= weights[rows.indices]
    owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    norms = np.sqrt(np.bincount(owner, weights=rows.data.astype(np.float64) ** 2, minlength=rows.shape[0]))
    rows.data /= norms.astype(np.float32)[owner]
    return rows
