"""Posterior probabilities that letters of two sequences are aligned, many pairs of sequences at once.

A pair model with affine gaps in its Boltzmann form: an alignment weighs exp(sum of its scores), and what is summed over
all alignments tells how sure each match is (Miyazawa 1995, Protein Eng 8:999; Roshan and Livesay 2006, Bioinformatics
22:2715). Between two matches either sequence may have a gap, or both. Gaps at the ends, before the first and behind the
last match, count otherwise than those within.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Logarithms of the weights of a gap's first letter and of each that follows: most likely for the seed alignments of the
# encoder's training families (benchmarks/pair_model.py).
OPEN, EXTEND = -4.52, -0.43
END_OPEN, END_EXTEND = -3.72, -0.30


def posteriors(scores: NDArray[np.float64], left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
    """Returns the probability of every match, shape (pairs, columns, columns); 0 beyond the sequences' ends.

    Args:
        scores: Logarithms of the weights of matches, shape (pairs, columns, columns).
        left: Lengths of the first sequences, at least 1, shape (pairs,).
        right: Lengths of the second ones.
    """
    place = np.arange(scores.shape[1])
    inside = (place < left[:, None])[:, :, None] & (place < right[:, None])[:, None, :]
    weights = np.where(inside, np.exp(scores), 0.0)
    # letters beside a match: before it, and behind it up to the sequence's end
    rows, columns = np.maximum(left[:, None] - 1 - place, 0), np.maximum(right[:, None] - 1 - place, 0)
    found, log_before = _forward(weights, np.broadcast_to(place, rows.shape), np.broadcast_to(place, columns.shape))
    with np.errstate(divide="ignore"):
        last = np.einsum("pij,pi,pj->pi", found, _end_gap(rows), _end_gap(columns))
        total = np.log(last) + log_before
    total[place >= left[:, None]] = -np.inf
    whole = np.logaddexp.reduce(total, axis=1)
    # what lies behind a match is what lies before it in the reversed sequences
    behind, log_behind = _forward(weights[:, ::-1, ::-1], rows[:, ::-1], columns[:, ::-1])
    found *= behind[:, ::-1, ::-1]
    found *= np.exp(np.minimum(log_before + log_behind[:, ::-1] - whole[:, None], 700.0))[:, :, None]
    # the weight of the match itself is in both
    np.divide(found, weights, out=found, where=weights > 0)
    return np.minimum(found, 1.0, out=found).astype(np.float32)


def _end_gap(letters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the weights of gaps of so many letters at an end."""
    return np.where(letters == 0, 1.0, np.exp(END_OPEN + END_EXTEND * (letters - 1)))


def _forward(
    weights: NDArray[np.float64], above: NDArray[np.int64], before: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the summed weights of alignments that end in each match, row by row times exp(logarithm).

    Args:
        weights: Of matches, shape (pairs, columns, columns); 0 where there is no letter.
        above: Letters of the first sequence before each row, shape (pairs, columns).
        before: Letters of the second one before each column, likewise.

    Returns:
        (shape (pairs, columns, columns); logarithms, shape (pairs, columns)).
    """
    from scipy.signal import lfilter

    pairs, size, _ = weights.shape
    opened, extended = float(np.exp(OPEN)), float(np.exp(EXTEND))
    first, second = _end_gap(above), _end_gap(before)
    found, logs = np.empty(weights.shape), np.empty((pairs, size))
    match, down, across, start = (np.zeros((pairs, size)) for _ in range(4))
    log = np.zeros(pairs)
    for row in range(size):
        np.multiply((first[:, row] * np.exp(-log))[:, None], second, out=start)
        across += match
        across += down
        start[:, 1:] += across[:, :-1]
        down *= extended
        match *= opened
        down += match
        np.multiply(weights[:, row], start, out=match)
        # a gap along the row is a recursion of the first order; one down the rows may stand before it
        across[:, 0] = 0.0
        across[:, 1:] = lfilter([opened], [1.0, -extended], match[:, :-1] + down[:, :-1], axis=1)
        highest = np.maximum(match.max(axis=1), down.max(axis=1))
        highest[highest <= 0] = 1.0
        for state in (match, down, across):
            state /= highest[:, None]
        log = log + np.log(highest)
        found[:, row], logs[:, row] = match, log
    return found, logs
