"""Which sequences may be near copies of a longer one, by the k-mers they share.

A sequence is sketched by the k-mers of smallest hash, more of them where it is longer. All holders of a k-mer are
linked to the longest of them, as linear clustering does (Steinegger and Söding 2018, Nat Commun 9:2542), so that a
family of thousands has thousands of links and not millions. Of equals the first counts: the links depend on the
sequences alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rhoma.kmers import codes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Lengths of k-mers: short ones see more of short sequences, but must be rare enough among all letters.
SHORTEST, LONGEST = 13, 15
# A sketch has so many k-mers, and one more for every so many letters.
_FEWEST, _LETTERS_A_KMER = 20, 5
# Of sequences of some identity, identity^k of the k-mers are the same on average; links need this share of that.
_SHARED = 0.5
# Letters that are hashed at once.
_BATCH = 1_000_000
_BITS = 2 * LONGEST
_MASK = 2**_BITS - 1
# an odd multiplier permutes the k-mers (Fibonacci hashing, 2^30 / golden ratio)
_MULTIPLIER = 663608941


class Sketches:
    """Sketches of sequences.

    Args:
        sequences: in upper case; k-mers with other letters than A, C, G and U are left out.

    Attributes:
        k: length of the k-mers, longer where there are more letters.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        self._lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        letters = max(1, int(self._lengths.sum()))
        self.k = min(LONGEST, max(SHORTEST, math.ceil(math.log(4 * letters, 4))))
        parts = [np.empty(0, dtype=np.int64)]
        begin, size = 0, 0
        for end, length in enumerate(self._lengths.tolist(), start=1):
            size += length
            if size >= _BATCH or end == len(sequences):
                parts.append(_sketch(sequences[begin:end], begin, self.k))
                begin, size = end, 0
        # (owner, hash) in one number each, ascending
        self._kmers = np.concatenate(parts)

    def links(self, numbers: NDArray[np.int64], identity: float) -> NDArray[np.int64]:
        """Returns (n,) places in ``numbers``: the longer sequence that shares most of the sketch of each.

        A sequence that shares too little with any has its own place. Of equal length the earlier one counts as longer.

        Args:
            numbers: (n,) numbers of sequences, ascending; the others are ignored.
            identity: share of equal letters down to which sequences are to be linked.
        """
        # ranks by length: the longest holder of a k-mer is the one of smallest rank
        by_rank = np.lexsort((numbers, -self._lengths[numbers]))
        rank_of = np.full(len(self._lengths), -1, dtype=np.int64)
        rank_of[numbers[by_rank]] = np.arange(len(numbers))
        keys = rank_of[self._kmers >> _BITS]
        sizes = np.bincount(keys[keys >= 0], minlength=len(numbers))
        keys = (((self._kmers & _MASK) << (63 - _BITS)) | keys)[keys >= 0]
        keys.sort()
        rank = keys & (2 ** (63 - _BITS) - 1)
        keys >>= 63 - _BITS
        first = np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]
        del keys
        longest = rank[np.flatnonzero(first)[np.cumsum(first) - 1]]
        pairs, counts = np.unique((rank * len(numbers) + longest)[rank != longest], return_counts=True)
        members, longer = np.divmod(pairs, len(numbers))
        good = counts >= np.maximum(2, _SHARED * identity**self.k * sizes[members])
        members, longer, counts = members[good], longer[good], counts[good]
        order = np.lexsort((longer, -counts, members))
        best = order[np.diff(members[order], prepend=-1) > 0]
        linked = np.arange(len(numbers), dtype=np.int64)
        linked[by_rank[members[best]]] = by_rank[longer[best]]
        return linked


def _sketch(texts: Sequence[str], offset: int, k: int) -> NDArray[np.int64]:
    """Returns the k-mers of the sketches, each with its owner in the upper bits, ascending."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    owner, codes = codes_of(texts, k)
    hashes = (codes * _MULTIPLIER) & _MASK
    hashes ^= hashes >> LONGEST
    hashes = (hashes * _MULTIPLIER) & _MASK
    kmers = np.sort(((owner + offset) << _BITS) | hashes)
    # a k-mer that a sequence has twice is one; np.unique takes 60 times as long, for it sorts hashes of the numbers
    kmers = kmers[np.diff(kmers, prepend=-1) > 0]
    owners = (kmers >> _BITS) - offset
    place = np.arange(len(kmers)) - np.searchsorted(owners, owners)
    kept: NDArray[np.int64] = kmers[place < _FEWEST + lengths[owners] // _LETTERS_A_KMER]
    return kept
