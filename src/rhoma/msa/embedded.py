"""Alignment by letters and an encoder's states of single nucleotides, as RNABERT's are used.

Letters match the better, the more alike their states are (Akiyama and Sakakibara 2022, NAR Genom Bioinform 4:lqac012).
How alike unrelated letters are differs from encoder to encoder, so likeness counts by how far it stands out among all
pairs of letters of two sequences. The posteriors of all pairs of sequences make the multiple alignment
(:mod:`rhoma.msa.accuracy`).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import ungapped
from rhoma.msa.accuracy import align, placed
from rhoma.msa.pairhmm import posteriors
from rhoma.msa.structural import letter_codes, letter_scores, portions
from rhoma.structure import known_letters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rhoma.alignment import Alignment

    # sequences to (nucleotides, numbers) each
    States = Callable[[Sequence[str]], list[NDArray[np.float32]]]

# What a standard deviation above the mean likeness counts, as a logarithm.
_LIKENESS = 0.48
# No likeness counts more than so many deviations: in long sequences the true matches are rare.
_MOST = 6.0


def embedded_alignment(alignment: Alignment, states: States) -> Alignment:
    """Returns the rows of an alignment, aligned anew; its time grows with the squares of rows and nucleotides.

    Args:
        alignment: At least two rows, each with a letter.
        states: Gives the states of sequences (:class:`rhoma.models.states.NucleotideStates`).
    """
    letters = known_letters([ungapped(row) for row in alignment.rows])
    lengths = np.array([len(row) for row in letters])
    codes = letter_codes(letters)
    found = states(letters)
    size = codes.shape[1]
    # what all letters have in common tells none from another
    mean = np.concatenate(found).mean(axis=0)
    directions = np.zeros((len(letters), size, len(mean)), dtype=np.float32)
    for place, own in zip(directions, found, strict=True):
        centred = own - mean
        place[: len(own)] = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    pairs = list(combinations(range(len(letters)), 2))
    matches = np.empty((len(pairs), size, size), dtype=np.float32)
    for part in portions(len(pairs), size):
        a, b = np.asarray(pairs[part]).T
        cosines = directions[a] @ directions[b].transpose(0, 2, 1)
        likeness = np.minimum(_standard(cosines, lengths[a], lengths[b]), _MOST)
        scores = letter_scores(codes[a], codes[b]) + _LIKENESS * likeness
        matches[part] = posteriors(scores, lengths[a], lengths[b])
    return placed(alignment, align(lengths.tolist(), pairs, matches))


def _standard(cosines: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns how many standard deviations each likeness is above the mean of its two sequences."""
    place = np.arange(cosines.shape[1])
    inside = (place < left[:, None])[:, :, None] & (place < right[:, None])[:, None, :]
    count = (left * right)[:, None, None]
    known = np.where(inside, cosines, 0.0).astype(np.float64)
    mean = known.sum(axis=(1, 2), keepdims=True) / count
    spread = np.sqrt(np.where(inside, (known - mean) ** 2, 0.0).sum(axis=(1, 2), keepdims=True) / count)
    return np.asarray((known - mean) / np.maximum(spread, 1e-9))
