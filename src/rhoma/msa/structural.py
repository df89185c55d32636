"""Alignment by letters and structure at once: each sequence's base-pair probabilities help to align it, and back.

Letters match the better, the likelier both pair towards the same side, or both do not pair. The posteriors of the
pairwise alignments then carry base pairs from sequence to sequence: every sequence is folded again with what the others
pair (as in TurboFold; Harmanci, Sharma and Mathews 2011, BMC Bioinformatics 12:108), and letters whose partners are
aligned too match better. All posteriors together make the multiple alignment (:mod:`rhoma.msa.accuracy`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import ungapped
from rhoma.msa.accuracy import align, placed
from rhoma.msa.consensus import pair_probabilities
from rhoma.msa.pairhmm import posteriors
from rhoma.structure import known_letters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from rhoma.alignment import Alignment

# RIBOSUM85-60 of single letters (Klein and Eddy 2003, BMC Bioinformatics 4:44), A, C, G, U, in bits; 0 for others.
_RIBOSUM = np.zeros((5, 5))
_RIBOSUM[:4, :4] = (
    (2.22, -1.86, -1.46, -1.39),
    (-1.86, 1.16, -2.48, -1.05),
    (-1.46, -2.48, 1.03, -1.74),
    (-1.39, -1.05, -1.74, 1.65),
)
_CODE = np.full(256, 4, dtype=np.int64)
_CODE[np.frombuffer(b"ACGU", dtype=np.uint8)] = np.arange(4)
# In bits as well: every match, one where both pair towards the same side, one where neither pairs, and one of base
# pairs. A bit counts SCALE in the logarithm of a weight.
_MATCH, _PAIRED, _FREE, _STACKED, SCALE = 0.5, 2.0, 0.5, 1.5, 0.6
# How strongly pairs of the others count when a sequence is folded again (kT a unit of the logarithm), and the least
# probability of theirs.
_TRUST, _LEAST = 0.3, 1e-3
# Pairs that are less probable in a sequence alone are not looked at again, unless the others have some so near that
# both may be of one helix.
_IMPROBABLE, _NEAR = 1e-5, 3
# A sequence nearly equal tells little of the structure.
_LEAST_WEIGHT = 0.02
# Less probable pairs and matches carry none.
_CARRIES = 1e-3
# Cells of all pairwise alignments together, and of those that are worked on at once.
MOST_CELLS = 30_000_000
_CELLS = 2_000_000
MOST_ROWS = 32


def rows_within(length: int) -> int:
    """Returns how many sequences of a length are few enough to be aligned."""
    for rows in range(MOST_ROWS, 1, -1):
        if rows * (rows - 1) // 2 * length**2 <= MOST_CELLS:
            return rows
    return 1


def letter_codes(sequences: Sequence[str]) -> NDArray[np.int64]:
    """Returns A, C, G, U as 0 to 3 and all else as 4, shape (sequences, longest), filled up with 4."""
    codes = np.full((len(sequences), max(map(len, sequences))), 4, dtype=np.int64)
    for number, text in enumerate(sequences):
        codes[number, : len(text)] = _CODE[np.frombuffer(text.encode("ascii"), dtype=np.uint8)]
    return codes


def letter_scores(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns in bits what matches of letters count, shape (pairs, columns, columns), for codes (pairs, columns)."""
    return np.asarray(_RIBOSUM[left[:, :, None], right[:, None, :]] + _MATCH)


def structural_alignment(
    alignment: Alignment, known: dict[str, NDArray[np.float64]] | None = None, *, threads: int = 1
) -> Alignment:
    """Returns the rows of an alignment, aligned anew; its time grows with the squares of rows and nucleotides.

    Args:
        alignment: At least two rows, each with a letter.
        known: Pair probabilities of single sequences, as :func:`rhoma.msa.consensus.fold` reads them, to be filled
            with what the sequences have together.
        threads: For pairs of sequences; the result is the same for any number.
    """
    from scipy.ndimage import binary_dilation

    letters = known_letters([ungapped(row) for row in alignment.rows])
    lengths = np.array([len(row) for row in letters])
    pairs = list(combinations(range(len(letters)), 2))
    codes = letter_codes(letters)
    alone = _stacked(lengths, [pair_probabilities(text) for text in letters])
    first = _pairwise(codes, lengths, pairs, alone, None, threads)
    others = _carried(codes, lengths, pairs, alone, first)
    able = alone > _IMPROBABLE
    for found, pairs_of_others in zip(able, others > _LEAST, strict=True):
        found |= binary_dilation(pairs_of_others, np.ones((3, 3)), iterations=_NEAR)
    together = [
        pair_probabilities(text, _bonus(others[number, :size, :size]), able[number, :size, :size])
        for number, (text, size) in enumerate(zip(letters, lengths.tolist(), strict=True))
    ]
    if known is not None:
        known.update(zip(letters, together, strict=True))
    matches = _pairwise(codes, lengths, pairs, _stacked(lengths, together), first, threads)
    return placed(alignment, align(lengths.tolist(), pairs, matches))


def _stacked(lengths: NDArray[np.int64], probabilities: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Returns matrices of all sequences in one, filled up with zeros; shape (rows, longest, longest)."""
    size = int(lengths.max())
    found = np.zeros((len(lengths), size, size), dtype=np.float32)
    for place, matrix in zip(found, probabilities, strict=True):
        place[: len(matrix), : len(matrix)] = matrix
    return found


def portions(count: int, size: int, parts: int = 1) -> Iterator[slice]:
    """Yields slices of so many pairs of sequences that their cells are worked on at once, at least ``parts``."""
    step = max(1, min(_CELLS // size**2, -(-count // parts)))
    yield from (slice(a, b) for a, b in pairwise([*range(0, count, step), count]))


def _pairwise(
    codes: NDArray[np.int64],
    lengths: NDArray[np.int64],
    pairs: Sequence[tuple[int, int]],
    probabilities: NDArray[np.float32],
    earlier: NDArray[np.float32] | None,
    threads: int,
) -> NDArray[np.float32]:
    """Returns the posteriors of all pairs of sequences, shape (pairs, longest, longest).

    Args:
        codes: Letters as numbers, shape (rows, longest).
        lengths: Of the sequences.
        pairs: Of sequences.
        probabilities: Of base pairs, shape (rows, longest, longest).
        earlier: Posteriors that tell which partners are aligned.
        threads: For portions of the pairs.
    """
    opening, closing = np.triu(probabilities).sum(axis=2), np.tril(probabilities).sum(axis=2)
    features = np.stack(
        [
            np.sqrt(_PAIRED * opening),
            np.sqrt(_PAIRED * closing),
            np.sqrt(_FREE * np.maximum(1 - opening - closing, 0)),
        ],
        axis=2,
    )
    size = codes.shape[1]
    partners = [] if earlier is None else [_sparse(matrix) for matrix in probabilities]
    found = np.empty((len(pairs), size, size), dtype=np.float32)

    def fill(part: slice) -> None:
        a, b = np.asarray(pairs[part]).T
        scores = letter_scores(codes[a], codes[b])
        scores += features[a] @ features[b].transpose(0, 2, 1)
        if earlier is not None:
            for place, (left, right), match in zip(scores, pairs[part], earlier[part], strict=True):
                stacked = (partners[left] @ _sparse(match) @ partners[right]).tocoo()
                place[stacked.row, stacked.col] += _STACKED * np.sqrt(stacked.data)
        found[part] = posteriors(SCALE * scores, lengths[a], lengths[b])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, portions(len(pairs), size, threads)))
    return found


def _carried(
    codes: NDArray[np.int64],
    lengths: NDArray[np.int64],
    pairs: Sequence[tuple[int, int]],
    probabilities: NDArray[np.float32],
    matches: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Returns the base-pair probabilities of each sequence's others, carried over; those most unlike it count most."""
    partners = [_sparse(matrix) for matrix in probabilities]
    found, weights = np.zeros_like(probabilities), np.zeros(len(lengths), dtype=np.float32)
    for (a, b), dense in zip(pairs, matches, strict=True):
        match = _sparse(dense)
        ends = match.tocoo()
        identity = ends.data[codes[a, ends.row] == codes[b, ends.col]].sum() / min(lengths[a], lengths[b])
        weight = max(1 - float(identity), _LEAST_WEIGHT)
        for to, carried in ((a, match @ partners[b] @ match.T), (b, match.T @ partners[a] @ match)):
            cells = carried.tocoo()
            found[to, cells.row, cells.col] += weight * cells.data
            weights[to] += weight
    return found / weights[:, None, None]


def _sparse(matrix: NDArray[np.float32]) -> csr_array:
    """Returns the cells of a matrix that are worth carrying."""
    from scipy.sparse import csr_array

    rows, columns = np.nonzero(matrix > _CARRIES)
    return csr_array((matrix[rows, columns], (rows, columns)), shape=matrix.shape)


def _bonus(others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the energy of every base pair in units of kT, by its probability in the other sequences."""
    return -_TRUST * np.log(np.maximum(others, _LEAST).astype(np.float64))
