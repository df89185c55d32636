"""Posterior probabilities that letters of two sequences are aligned, many pairs of sequences at once.

A pair model with affine gaps in its Boltzmann form: an alignment weighs exp(sum of its scores), and what is summed over
all alignments tells how sure each match is (Miyazawa 1995, Protein Eng 8:999; Roshan and Livesay 2006, Bioinformatics
22:2715). Gaps at the ends, before the first and behind the last match, are cheaper than those within.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Logarithms of the weights, chosen on families apart from those of docs/decisions.md.
_OPEN, _EXTEND = -7.2, -0.9
_END_OPEN, _END_EXTEND = -5.4, -0.3


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
    # what lies behind a match is what lies before it in the reversed sequences
    rows = np.maximum(left[:, None] - 1 - place, 0)
    columns = np.maximum(right[:, None] - 1 - place, 0)

    def reverse(cells: NDArray[np.float64]) -> NDArray[np.float64]:
        turned = np.take_along_axis(np.take_along_axis(cells, rows[:, :, None], 1), columns[:, None, :], 2)
        return np.where(inside, turned, 0.0)

    before, log_before = _forward(weights)
    behind, log_behind = _forward(reverse(weights))
    behind = reverse(behind)
    log_behind = np.take_along_axis(log_behind, rows, 1)
    ends = _end_gap(rows)[:, :, None] * _end_gap(columns)[:, None, :]
    with np.errstate(divide="ignore"):
        total = np.log((before * ends).sum(axis=2)) + log_before
    total[place >= left[:, None]] = -np.inf
    whole = np.logaddexp.reduce(total, axis=1)
    scale = np.exp(np.minimum(log_before + log_behind - whole[:, None], 700.0))
    found = before * behind * scale[:, :, None] / np.where(inside, weights, 1.0)
    return np.asarray(np.minimum(found, 1.0), dtype=np.float32)


def _end_gap(letters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the weights of gaps of so many letters at an end."""
    return np.where(letters == 0, 1.0, np.exp(_END_OPEN + _END_EXTEND * (letters - 1)))


def _forward(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the summed weights of alignments that end in each match, row by row times exp(logarithm).

    Args:
        weights: Of matches, shape (pairs, columns, columns).

    Returns:
        (shape (pairs, columns, columns); logarithms, shape (pairs, columns)).
    """
    from scipy.signal import lfilter

    pairs, size, _ = weights.shape
    opened, extended = float(np.exp(_OPEN)), float(np.exp(_EXTEND))
    end_gap = _end_gap(np.arange(size))
    found, logs = np.empty_like(weights), np.empty((pairs, size))
    match, down, across = (np.zeros((pairs, size)) for _ in range(3))
    log = np.zeros(pairs)
    for row in range(size):
        start = end_gap[row] * np.exp(-log)[:, None] * end_gap
        start[:, 1:] += match[:, :-1] + down[:, :-1] + across[:, :-1]
        down = opened * match + extended * down
        match = weights[:, row] * start
        # a gap along the row is a recursion of the first order
        across[:, 0] = 0.0
        across[:, 1:] = lfilter([opened], [1.0, -extended], match[:, :-1], axis=1)
        highest = np.maximum(match.max(axis=1), down.max(axis=1))
        highest[highest <= 0] = 1.0
        for state in (match, down, across):
            state /= highest[:, None]
        log = log + np.log(highest)
        found[:, row], logs[:, row] = match, log
    return found, logs
