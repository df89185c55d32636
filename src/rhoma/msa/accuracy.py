"""The multiple alignment of largest expected accuracy: the sum of the probabilities of its aligned letters.

As in ProbCons (Do, Mahabhashyam, Brudno and Batzoglou 2005, Genome Res 15:330): the posteriors of two sequences
are averaged with those that lead over every third one, sequences are joined along a tree, and parts are taken out and
joined again. There are no gap costs: the posteriors hold them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import Alignment, as_rows, ungapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    # sequence -> the column of each of its letters
    Columns = dict[int, NDArray[np.int64]]

# Less probable matches count as none, before and after the posteriors have been averaged.
_LEAST, _LEAST_MEAN = 0.01, 0.005
_REFINEMENTS = 40


def align(lengths: Sequence[int], pairs: Sequence[tuple[int, int]], posteriors: NDArray[np.float32]) -> Columns:
    """Returns the column of each letter of all sequences.

    Args:
        lengths: Of the sequences, at least two.
        pairs: All (a, b) of them with a < b.
        posteriors: Of each pair, shape (pairs, columns, columns) with as many columns as the longest has letters.
    """
    matches = _consistent(_sparse(lengths, pairs, posteriors), len(lengths))
    groups: dict[int, Columns] = {number: {number: np.arange(length)} for number, length in enumerate(lengths)}
    begin = np.concatenate([[0], np.cumsum(lengths)])
    for node, (a, b) in enumerate(_tree(matches, begin), start=len(lengths)):
        groups[node] = _joined(matches, begin, groups.pop(a), groups.pop(b))
    ((_, columns),) = groups.items()
    rng = np.random.default_rng(1)
    for _ in range(_REFINEMENTS if len(lengths) > 2 else 0):
        apart = rng.random(len(lengths)) < 0.5
        parts = [{n: columns[n] for n in np.flatnonzero(apart == side).tolist()} for side in (True, False)]
        if all(parts):
            columns = _joined(matches, begin, *map(_packed, parts))
    return columns


def placed(alignment: Alignment, columns: Columns) -> Alignment:
    """Returns the rows of an alignment with their letters in these columns, those that are empty left out."""
    width = max(int(place[-1]) for place in columns.values()) + 1
    cells = np.full((len(columns), width), ord("-"), dtype=np.uint8)
    for number, row in enumerate(alignment.rows):
        cells[number, columns[number]] = np.frombuffer(ungapped(row).encode("ascii"), dtype=np.uint8)
    return Alignment(alignment.names, as_rows(cells[:, (cells != ord("-")).any(axis=0)]))


def _sparse(lengths: Sequence[int], pairs: Sequence[tuple[int, int]], posteriors: NDArray[np.float32]) -> csr_matrix:
    """Returns the matches of all letters with all others, symmetric, 1 for a letter with itself."""
    from scipy.sparse import csr_matrix

    begin = np.concatenate([[0], np.cumsum(lengths)])
    pair, i, j = np.nonzero(posteriors > _LEAST)
    ends = np.asarray(pairs)[pair]
    rows, columns = begin[ends[:, 0]] + i, begin[ends[:, 1]] + j
    own = np.arange(begin[-1])
    values = posteriors[pair, i, j]
    return csr_matrix(
        (
            np.concatenate([values, values, np.ones(len(own), dtype=np.float32)]),
            (np.concatenate([rows, columns, own]), np.concatenate([columns, rows, own])),
        ),
        shape=(begin[-1], begin[-1]),
    )


def _consistent(matches: csr_matrix, count: int) -> csr_matrix:
    """Returns for every two letters the mean over all sequences of the way that leads over one."""
    found = (matches @ matches) / count
    found.data[found.data < _LEAST_MEAN] = 0
    found.eliminate_zeros()
    return found


def _tree(matches: csr_matrix, begin: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Returns which groups are joined in turn (UPGMA of expected accuracies), numbered as they are made."""
    from scipy.cluster.hierarchy import average
    from scipy.sparse import csr_matrix
    from scipy.spatial.distance import squareform

    lengths = np.diff(begin)
    count = len(lengths)
    owner = csr_matrix(
        (np.ones(begin[-1], dtype=np.float32), (np.arange(begin[-1]), np.repeat(np.arange(count), lengths)))
    )
    alike = (owner.T @ matches @ owner).toarray() / np.minimum(lengths[:, None], lengths)
    distance = 1 - np.minimum(alike, 1.0).astype(np.float64)
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0)
    joined = average(squareform(distance, checks=False))
    return [(int(a), int(b)) for a, b in joined[:, :2]]


def _packed(group: Columns) -> Columns:
    """Returns a group without the columns that none of its letters is in."""
    used = np.unique(np.concatenate(list(group.values())))
    return {number: np.searchsorted(used, columns) for number, columns in group.items()}


def _joined(matches: csr_matrix, begin: NDArray[np.int64], a: Columns, b: Columns) -> Columns:
    """Returns two groups in one, aligned to each other."""
    # the rows of the smaller group alone are read
    a, b = sorted((a, b), key=len)
    rows = np.concatenate([np.arange(begin[n], begin[n + 1]) for n in a])
    place_a = np.concatenate(list(a.values()))
    place_b = np.full(begin[-1], -1, dtype=np.int64)
    for number, columns in b.items():
        place_b[begin[number] : begin[number + 1]] = columns
    some = matches[rows]
    left, right = np.repeat(place_a, np.diff(some.indptr)), place_b[some.indices]
    shape = (int(place_a.max()) + 1, int(place_b.max()) + 1)
    kept = right >= 0
    gains = np.zeros(shape)
    np.add.at(gains, (left[kept], right[kept]), some.data[kept])
    new_a, new_b = _best_path(gains)
    return {number: new_a[c] for number, c in a.items()} | {number: new_b[c] for number, c in b.items()}


def _best_path(gains: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns where the columns of two groups go so that the sum of the gains of those that meet is largest."""
    height, width = gains.shape
    best = np.zeros((height + 1, width + 1))
    for row in range(height):
        best[row + 1, 1:] = np.maximum.accumulate(np.maximum(best[row, 1:], best[row, :-1] + gains[row]))
    i, j = height, width
    # from the end: which columns are next, one of each group or one alone
    steps = []
    while i or j:
        if i and (not j or best[i, j] == best[i - 1, j]):
            i, step = i - 1, (1, 0)
        elif not i or best[i, j] == best[i, j - 1]:
            j, step = j - 1, (0, 1)
        else:
            i, j, step = i - 1, j - 1, (1, 1)
        steps.append(step)
    taken = np.array(steps[::-1], dtype=bool)
    return np.flatnonzero(taken[:, 0]), np.flatnonzero(taken[:, 1])
