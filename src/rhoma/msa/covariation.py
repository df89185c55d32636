"""Which pairs of columns covary more than their phylogeny explains.

Two columns that pair change together; two columns of one family also change together because the same branch of its
tree changed both. The null keeps the second and destroys the first, as R-scape's does (Rivas, Clements and Eddy 2017,
Nature Methods 14:45): every substitution of every branch happens again, on the same branch, at a random column
that holds the letter it starts from. The statistic is the G-test of the letters at both columns with the average
product correction, in which rows that are nearly alike count as one. An E-value counts the pairs of columns that would
score as high by chance in the whole alignment: no pair is tested because it is in the structure, so a structure folded
from the same rows is no circular evidence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import as_cells
from rhoma.msa.select import identity_blocks, select
from rhoma.structure import pair_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rhoma.alignment import Alignment

SIGNIFICANT = 0.05
# Nearer columns cannot pair.
_LOOP = 4
# Columns that fewer rows fill are left out.
_FILLED = 0.5
# More rows add time, not evidence; the most different ones count.
MOST_ROWS = 400
# Rows at least so identical count as one (docs/decisions.md).
ALIKE = 0.9
# The tables of all pairs of more columns do not fit a laptop.
MOST_COLUMNS = 1_000
_NULLS = 20
# The exponential tail is fitted to the highest of the null's scores.
_TAIL = 0.002
_FEWEST_TAIL = 50
UNKNOWN = 15


@dataclass(frozen=True, slots=True)
class CovaryingPair:
    """Two columns that are paired in the structure, or covary.

    Attributes:
        left: Column, 0-based.
        right: Column, 0-based, larger.
        paired: Whether the consensus structure pairs them.
        score: G-test with the average product correction.
        evalue: Pairs of the alignment that would score as high by chance.
        substitutions: Branches of the tree on which either column changes.
        power: Probability that a true pair with so many substitutions is significant.
        rscape: E-value of R-scape, where that is installed and calls the pair significant.
    """

    left: int
    right: int
    paired: bool
    score: float
    evalue: float
    substitutions: int
    power: float
    rscape: float | None = None

    @property
    def significant(self) -> bool:
        """Returns whether fewer than 0.05 such pairs are expected by chance."""
        return self.evalue <= SIGNIFICANT


def covariation(
    alignment: Alignment, *, seed: int = 1, rscape: Mapping[tuple[int, int], float] | None = None
) -> list[CovaryingPair]:
    """Returns the pairs of the structure, and the others that covary significantly, by their columns.

    Pairs with a column that less than half of the rows fill have no score and are left out; so is everything in
    alignments of fewer than three different rows or more than ``MOST_COLUMNS`` columns that count.

    Args:
        alignment: With ``ss_cons``.
        seed: Of the null.
        rscape: E-values of pairs that R-scape calls significant (:mod:`rhoma.msa.rscape`): they are returned too.
    """
    theirs = {} if rscape is None else rscape
    letters = states(as_cells(tested_rows(alignment.rows)))
    columns = _counting(letters)
    letters = letters[:, columns]
    if len(np.unique(letters, axis=0)) < 3 or not _LOOP < len(columns) <= MOST_COLUMNS:
        return []
    changes, scores, evalues = _tested(letters.tobytes(), letters.shape, seed)
    paired = set(pair_table(alignment.ss_cons))
    found = []
    for i, j in zip(*np.triu_indices(len(columns), _LOOP), strict=True):
        pair = (int(columns[i]), int(columns[j]))
        if pair in paired or pair in theirs or evalues[i, j] <= SIGNIFICANT:
            count = int((changes[:, i] | changes[:, j]).sum())
            score, evalue = float(scores[i, j]), float(evalues[i, j])
            found.append(CovaryingPair(*pair, pair in paired, score, evalue, count, power(count), theirs.get(pair)))
    return found


def too_wide(alignment: Alignment) -> bool:
    """Returns whether nothing is tested because more than ``MOST_COLUMNS`` columns count."""
    wide = alignment.columns > MOST_COLUMNS
    return wide and len(_counting(states(as_cells(tested_rows(alignment.rows))))) > MOST_COLUMNS


def _counting(letters: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Returns the columns that enough rows fill."""
    return np.flatnonzero((letters != UNKNOWN).mean(axis=0) > _FILLED)


def tested_rows(rows: Sequence[str]) -> list[str]:
    """Returns the rows that are tested: all, or of more than ``MOST_ROWS`` the first and those that differ most."""
    if len(rows) <= MOST_ROWS:
        return list(rows)
    cells = as_cells(rows)
    # insertions have no say: the rows are the same with and without their columns
    filled = cells[:, (cells != ord("-")).mean(axis=0) > _FILLED]
    return [rows[number] for number in _most_different(filled.tobytes(), filled.shape)]


# the same letters are asked twice: for their structure, and with it
@lru_cache(maxsize=1)
def _most_different(cells: bytes, shape: tuple[int, ...]) -> tuple[int, ...]:
    codes = np.frombuffer(cells, dtype=np.uint8).reshape(shape)
    return (0, *select(codes, range(1, len(codes)), most=MOST_ROWS - 1, max_identity=1.0))


@lru_cache(maxsize=1)
def _tested(
    letters: bytes, shape: tuple[int, ...], seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Returns what does not depend on the structure: (branches, columns) changes; scores and E-values of all pairs."""
    leaves = np.frombuffer(letters, dtype=np.uint8).reshape(shape)
    parents, branches = tree(leaves)
    ancestral = fitch(leaves, parents)
    changes = np.asarray([ancestral[child] != ancestral[parent] for child, parent in branches])
    weights = row_weights(leaves)
    scores = statistic(leaves, weights)
    evalues = _evalues(scores, _null_scores(leaves, weights, ancestral, branches, np.random.default_rng(seed)))
    return changes, scores, evalues


def power(substitutions: int) -> float:
    """Returns the share of true pairs with so many substitutions that are significant."""
    return float(1 / (1 + np.exp(-_POWER[0] - _POWER[1] * np.log1p(substitutions))))


# Intercept and slope of a logistic curve in log(1 + substitutions): benchmarks/alignment.py --part power.
_POWER = (-5.83, 2.02)


def states(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the sets of letters that cells may hold, as bits of A, C, G, U; all four where none is known."""
    bits = np.full(256, UNKNOWN, dtype=np.uint8)
    bits[np.frombuffer(b"ACGU", dtype=np.uint8)] = 1, 2, 4, 8
    return bits[codes]


def row_weights(letters: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns one over the number of rows at least 90 % identical to each, itself counted; shape (rows,)."""
    near = _identities(letters) >= ALIKE - 1e-6
    np.fill_diagonal(near, val=True)
    return np.asarray(1 / near.sum(axis=1), dtype=np.float32)


def _identities(letters: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns the identities of all rows to all, shape (rows, rows)."""
    signs = np.frombuffer(b"-AC-G---U-------", dtype=np.uint8)[letters]
    return np.concatenate(list(identity_blocks(signs)))


def tree(letters: NDArray[np.uint8]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Returns the UPGMA tree of rows by their identity.

    Args:
        letters: Sets of letters as bits, shape (rows, columns).

    Returns:
        (the two children of each inner node, leaves before the nodes that join them; the branches as (child, parent),
        from the root down). Leaves are numbered as rows, inner nodes follow in the order of the first list.
    """
    from scipy.cluster.hierarchy import average
    from scipy.spatial.distance import squareform

    distance = 1 - _identities(letters).astype(np.float64)
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0)
    joined = average(squareform(distance, checks=False))[:, :2].astype(np.int64)
    parents = [(int(a), int(b)) for a, b in joined]
    count = len(letters)
    branches = [(child, count + node) for node in range(len(parents) - 1, -1, -1) for child in parents[node]]
    return parents, branches


def fitch(letters: NDArray[np.uint8], parents: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
    """Returns one letter (as a bit) for every node and column with the fewest changes on the tree.

    Source: W. M. Fitch, Syst Zool 20:406 (1971). Of several letters the alphabetically first is taken at the root, and
    that of the parent below.

    Args:
        letters: Sets of letters of the leaves, shape (rows, columns).
        parents: As of :func:`tree`.

    Returns:
        Shape (rows + inner nodes, columns).
    """
    count = len(letters)
    nodes = np.concatenate([letters, np.zeros((len(parents), letters.shape[1]), dtype=np.uint8)])
    for number, (a, b) in enumerate(parents):
        both = nodes[a] & nodes[b]
        nodes[count + number] = np.where(both, both, nodes[a] | nodes[b])
    nodes[-1] &= -nodes[-1]
    for number in range(len(parents) - 1, -1, -1):
        parent = nodes[count + number]
        for child in parents[number]:
            kept = nodes[child] & parent
            nodes[child] = np.where(kept, kept, nodes[child] & -nodes[child])
    return nodes


def simulate(
    ancestral: NDArray[np.uint8], branches: Sequence[tuple[int, int]], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Returns letters of all nodes where every branch's substitutions happened at random columns of the same letter.

    Args:
        ancestral: Letters as of :func:`fitch`.
        branches: (child, parent) from the root down.
        rng: Source of randomness.
    """
    made = ancestral.copy()
    for child, parent in branches:
        row = made[parent].copy()
        changed = ancestral[child] != ancestral[parent]
        kinds = Counter(zip(ancestral[parent][changed].tolist(), ancestral[child][changed].tolist(), strict=True))
        free = rng.permutation(len(row))
        letters = row[free]
        for (before, after), times in sorted(kinds.items()):
            # a letter that has become rarer than its substitutions changes at all its columns
            places = np.flatnonzero(letters == before)[:times]
            row[free[places]] = after
            letters[places] = 0
        made[child] = row
    return made


def _null_scores(
    letters: NDArray[np.uint8],
    weights: NDArray[np.float32],
    ancestral: NDArray[np.uint8],
    branches: Sequence[tuple[int, int]],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Returns the scores of all pairs of columns of simulated alignments with the gaps of the real one."""
    unknown = letters == UNKNOWN
    upper = np.triu_indices(letters.shape[1], _LOOP)
    found = []
    for _ in range(_NULLS):
        made = simulate(ancestral, branches, rng)[: len(letters)]
        found.append(statistic(np.where(unknown, UNKNOWN, made), weights)[upper])
    return np.concatenate(found)


def statistic(letters: NDArray[np.uint8], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the G-test of every two columns, corrected by the average product; shape (columns, columns).

    Source of the correction: S. D. Dunn, L. M. Wahl and G. B. Gloor, Bioinformatics 24:333 (2008).

    Args:
        letters: Sets of letters as bits, shape (rows, columns); rows that hold no single letter at either column of a
            pair do not count for it.
        weights: How much each row counts, shape (rows,).
    """
    hot = np.stack([letters == bit for bit in (1, 2, 4, 8)]).astype(np.float32)  # (4, rows, columns)
    weighed = hot * weights[:, None]
    known = hot.sum(axis=0)
    total = weighed.sum(axis=0).T @ known
    left = [weighed[a].T @ known for a in range(4)]
    score = np.zeros(total.shape, dtype=np.float64)
    floor = np.float32(1e-9)
    for a in range(4):
        for b in range(4):
            seen = weighed[a].T @ hot[b]
            expected = left[a] * left[b].T
            score += seen * np.log(np.maximum(seen * total, floor) / np.maximum(expected, floor))
    score *= 2
    np.fill_diagonal(score, 0)
    size = len(score)
    mean = score.sum(axis=1) / max(size - 1, 1)
    overall = mean.mean()
    if overall <= 0:
        return score
    return np.asarray(score - np.outer(mean, mean) / overall)


def _evalues(scores: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the expected number of pairs of one alignment that score as high: counted, beyond the tail fitted."""
    ordered = np.sort(null)
    pairs = len(ordered) / _NULLS
    tail = min(len(ordered) - 1, max(_FEWEST_TAIL, int(_TAIL * len(ordered))))
    limit = ordered[-tail - 1]
    scale = max(float((ordered[-tail:] - limit).mean()), 1e-9)
    above = len(ordered) - np.searchsorted(ordered, scores, side="left")
    beyond = tail / _NULLS * np.exp(-np.maximum(scores - limit, 0) / scale)
    return np.asarray(np.where(scores > limit, beyond, above / len(ordered) * pairs))


def format_covariation(pairs: Sequence[CovaryingPair], alignment: Alignment) -> str:
    """Returns ``covariation.tsv``: columns from 1, the query's positions (empty at its gaps), and the figures."""
    own = [letter != "-" for letter in alignment.rows[0]]
    place = np.where(own, np.cumsum(own), 0)
    head = ("left", "right", "query_left", "query_right", "paired", "score", "evalue", "significant")
    lines = ["\t".join((*head, "substitutions", "power", "rscape"))]
    for pair in pairs:
        ends = [str(place[at]) if own[at] else "" for at in (pair.left, pair.right)]
        cells = [pair.left + 1, pair.right + 1, *ends, "yes" if pair.paired else "no", f"{pair.score:.2f}"]
        cells += [f"{pair.evalue:.2e}", "yes" if pair.significant else "no", pair.substitutions, f"{pair.power:.2f}"]
        cells.append("" if pair.rscape is None else f"{pair.rscape:.2e}")
        lines.append("\t".join(map(str, cells)))
    return "".join(f"{line}\n" for line in lines)


def covariation_line(pairs: Sequence[CovaryingPair], columns: int) -> str:
    """Returns the ``#=GC cov`` line: 2 at both columns of a significant pair of the structure, ``.`` elsewhere."""
    line = ["."] * columns
    for pair in pairs:
        if pair.paired and pair.significant:
            line[pair.left] = line[pair.right] = "2"
    return "".join(line)
