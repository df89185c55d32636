"""Alignment by letters and structure at once: each sequence's base-pair probabilities help to align it, and back.

Letters match the better, the likelier both pair towards the same side, or both do not pair. The posteriors of the
pairwise alignments then carry base pairs from sequence to sequence: every sequence is folded again with what the others
pair (as in TurboFold; Harmanci, Sharma and Mathews 2011, BMC Bioinformatics 12:108), and letters whose partners are
aligned too match better. All posteriors together make the multiple alignment (:mod:`rhoma.msa.accuracy`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
    from scipy.sparse import coo_array, csr_array

    from rhoma.alignment import Alignment

# What matches count, in logarithms of weights: those of letters (A, C, G, U; others count nothing); of letters that
# pair towards the same side, of letters that do not pair, and of letters whose partners are aligned, each times the
# root of how likely that is. With the gaps of rhoma.msa.pairhmm, what makes seed alignments most likely
# (benchmarks/pair_model.py).
_LETTERS = np.zeros((5, 5))
_LETTERS[:4, :4] = (
    (-0.10, -0.95, -0.74, -0.90),
    (-0.95, 0.12, -0.89, -0.63),
    (-0.74, -0.89, 0.11, -0.88),
    (-0.90, -0.63, -0.88, -0.06),
)
PAIRED, FREE, PARTNERS = 0.28, 0.39, 0.58
_CODE = np.full(256, 4, dtype=np.int64)
_CODE[np.frombuffer(b"ACGU", dtype=np.uint8)] = np.arange(4)
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
    """Returns what matches of letters count, shape (pairs, columns, columns), for codes (pairs, columns)."""
    return np.asarray(_LETTERS[left[:, :, None], right[:, None, :]])


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
    letters = known_letters([ungapped(row) for row in alignment.rows])
    told = tell(letters, threads=threads)
    if known is not None:
        known.update(
            (text, matrix[: len(text), : len(text)].astype(np.float64))
            for text, matrix in zip(letters, told.probabilities, strict=True)
        )
    matches = _pairwise(told.codes, told.lengths, told.pairs, told.probabilities, told.matches, threads)
    return placed(alignment, align(told.lengths.tolist(), told.pairs, matches))


@dataclass(frozen=True, slots=True)
class Told:
    """Sequences and what they have told each other.

    Attributes:
        codes: A, C, G, U as 0 to 3 and all else as 4, shape (rows, longest).
        lengths: Of the sequences.
        pairs: All (a, b) of them with a < b.
        matches: Posteriors of each pair, aligned by what each folds into alone, shape (pairs, longest, longest).
        probabilities: Of the base pairs of each, folded with what the others pair, shape (rows, longest, longest).
    """

    codes: NDArray[np.int64]
    lengths: NDArray[np.int64]
    pairs: list[tuple[int, int]]
    matches: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def tell(letters: Sequence[str], *, threads: int = 1) -> Told:
    """Returns sequences of A, C, G, U and N, at least two, aligned in pairs and folded with what the others pair."""
    from scipy.ndimage import binary_dilation

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
    return Told(codes, lengths, pairs, first, _stacked(lengths, together))


def pairing(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the roots of how likely letters pair downstream, upstream, or not, shape (rows, letters, 3)."""
    opening, closing = np.triu(probabilities).sum(axis=2), np.tril(probabilities).sum(axis=2)
    return np.asarray(np.sqrt(np.stack([opening, closing, np.maximum(1 - opening - closing, 0)], axis=2)))


def partners_aligned(left: csr_array, match: csr_array, right: csr_array) -> coo_array:
    """Returns the root of how likely two letters pair with letters that are aligned.

    Args:
        left: Base-pair probabilities of the first sequence (:func:`worth_carrying`).
        match: Posteriors, first by second sequence.
        right: Of the second.
    """
    found = (left @ match @ right).tocoo()
    found.data = np.sqrt(found.data)
    return found


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
    features = pairing(probabilities)
    weighted = features * np.array([PAIRED, PAIRED, FREE], dtype=np.float32)
    size = codes.shape[1]
    partners = [] if earlier is None else [worth_carrying(matrix) for matrix in probabilities]
    found = np.empty((len(pairs), size, size), dtype=np.float32)

    def fill(part: slice) -> None:
        a, b = np.asarray(pairs[part]).T
        scores = letter_scores(codes[a], codes[b])
        scores += weighted[a] @ features[b].transpose(0, 2, 1)
        if earlier is not None:
            for place, (left, right), match in zip(scores, pairs[part], earlier[part], strict=True):
                aligned = partners_aligned(partners[left], worth_carrying(match), partners[right])
                place[aligned.row, aligned.col] += PARTNERS * aligned.data
        found[part] = posteriors(scores, lengths[a], lengths[b])

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
    partners = [worth_carrying(matrix) for matrix in probabilities]
    found, weights = np.zeros_like(probabilities), np.zeros(len(lengths), dtype=np.float32)
    for (a, b), dense in zip(pairs, matches, strict=True):
        match = worth_carrying(dense)
        ends = match.tocoo()
        identity = ends.data[codes[a, ends.row] == codes[b, ends.col]].sum() / min(lengths[a], lengths[b])
        weight = max(1 - float(identity), _LEAST_WEIGHT)
        for to, carried in ((a, match @ partners[b] @ match.T), (b, match.T @ partners[a] @ match)):
            cells = carried.tocoo()
            found[to, cells.row, cells.col] += weight * cells.data
            weights[to] += weight
    return found / weights[:, None, None]


def worth_carrying(matrix: NDArray[np.float32]) -> csr_array:
    """Returns the cells of a matrix that are worth carrying."""
    from scipy.sparse import csr_array

    rows, columns = np.nonzero(matrix > _CARRIES)
    return csr_array((matrix[rows, columns], (rows, columns)), shape=matrix.shape)


def _bonus(others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the energy of every base pair in units of kT, by its probability in the other sequences."""
    return -_TRUST * np.log(np.maximum(others, _LEAST).astype(np.float64))
