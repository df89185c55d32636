"""Which rows of an alignment are kept: whole ones before fragments, the most different first, no copies.

The filter takes rows in passes, as hhfilter's ``-diff`` does: in each pass the rows, best first, that are at most so
identical to every row taken before; every pass allows more. Where there is room for all, what is left out are copies;
where there is not, it is what others resemble most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# Rows with letters in less than this share of the query's positions are fragments.
FRAGMENT = 0.5
NEFF_IDENTITY = 0.8
# Identities of the passes; the last pass is that of the caller.
_PASSES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# Identities are kept as numbers of 1/200, rounded up, so that half percents compare exactly.
_STEPS = 200
# Rows that are compared with each other at once (a byte a pair).
_MOST_AT_ONCE = 10_000
# Cells that identities are measured on: of longer alignments every so manieth column.
_CELLS = 4_000_000
_FEWEST_COLUMNS = 256
_BLOCK = 1_024
_CODE = np.full(256, 4, dtype=np.uint8)
_CODE[np.frombuffer(b"ACGU", dtype=np.uint8)] = np.arange(4)


def identity_blocks(codes: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """Yields the identities of all rows to all, some rows at a time, shape (rows, n).

    Identity is the share of equal letters over the columns where both rows have one of A, C, G, U; 0 where they share
    none. On more than 4 million cells it is measured on evenly spread columns, at least 256.

    Args:
        codes: Rows as of :func:`rhoma.alignment.as_cells`, shape (n, columns).
    """
    count, columns = codes.shape
    most = max(_FEWEST_COLUMNS, _CELLS // max(count, 1))
    if columns > most:
        codes = codes[:, np.linspace(0, columns - 1, most).round().astype(np.int64)]
    letters = _CODE[codes]
    known = (letters < 4).astype(np.float32)
    hot = (letters[:, :, None] == np.arange(4, dtype=np.uint8)).reshape(count, -1).astype(np.float32)
    for start in range(0, count, _BLOCK):
        part = slice(start, start + _BLOCK)
        yield hot[part] @ hot.T / np.maximum(known[part] @ known.T, 1.0)


def effective_sequences(codes: NDArray[np.uint8], *, identity: float = NEFF_IDENTITY) -> float:
    """Returns Neff: the sum over rows of 1 / (number of rows at least that identical to it, itself counted).

    Args:
        codes: Rows as of :func:`rhoma.alignment.as_cells`.
        identity: Between 0 and 1.
    """
    total, start = 0.0, 0
    for block in identity_blocks(codes):
        near = block >= identity - 1e-6
        own = np.arange(len(block))
        near[own, start + own] = True
        total += float((1.0 / near.sum(axis=1)).sum())
        start += len(block)
    return total


def fragments(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Returns which rows have letters in less than half of the first row's positions; shape (rows,)."""
    gap = ord("-")
    own = codes[:, codes[0] != gap]
    return np.asarray((own != gap).mean(axis=1) < FRAGMENT)


def select(codes: NDArray[np.uint8], ranked: Sequence[int], *, most: int, max_identity: float) -> list[int]:
    """Returns the rows to keep beside the first, in the order of ``ranked``.

    Left out are the copies of the first row and of its parts, rows without a letter, and rows more than
    ``max_identity`` identical to one that is kept, unless they have at least a tenth more letters. The first row takes
    no other part: a variant of it is kept.

    Args:
        codes: Rows as of :func:`rhoma.alignment.as_cells`, the query first.
        ranked: Candidates, best first.
        most: Rows to keep at most.
        max_identity: Between 0 and 1; 1 leaves out nothing but exact copies.
    """
    candidates = _distinct(codes, ranked)
    part = fragments(codes)
    order = [row for row in candidates if not part[row]] + [row for row in candidates if part[row]]
    kept: list[int] = []
    # Far more rows than fit one comparison come in portions: what one leaves meets the next.
    for start in range(0, len(order), _MOST_AT_ONCE // 2):
        pool = [*kept, *order[start : start + _MOST_AT_ONCE // 2]]
        kept = _spread(codes, pool, part, most=most, max_identity=max_identity)
    place = {row: number for number, row in enumerate(ranked)}
    return sorted(kept, key=place.__getitem__)


def _distinct(codes: NDArray[np.uint8], ranked: Sequence[int]) -> list[int]:
    """Returns the candidates without copies of one another, or of the first row or a part of it."""
    gap = ord("-")
    query = codes[0][codes[0] != gap].tobytes()
    seen: set[bytes] = set()
    found = []
    for row in ranked:
        letters = codes[row][codes[row] != gap].tobytes()
        # where rows are aligned otherwise, the letters are still the same
        if letters and letters not in seen and letters not in query:
            seen.add(letters)
            found.append(row)
    return found


def _spread(
    codes: NDArray[np.uint8], pool: Sequence[int], part: NDArray[np.bool_], *, most: int, max_identity: float
) -> list[int]:
    """Returns at most so many rows of a pool, whole ones first, those that differ most in the earliest passes."""
    chosen = codes[np.asarray(pool, dtype=np.int64)]
    same = np.empty((len(pool), len(pool)), dtype=np.uint8)
    start = 0
    for block in identity_blocks(chosen):
        same[start : start + len(block)] = np.ceil(block * _STEPS - 1e-3)
        start += len(block)
    letters = (chosen != ord("-")).sum(axis=1)
    nearest = np.zeros(len(pool), dtype=np.uint8)
    kept: list[int] = []
    passes = [*(limit for limit in _PASSES if limit < max_identity), max_identity]
    for fragment in (False, True):
        left = [number for number, row in enumerate(pool) if bool(part[row]) == fragment]
        for limit in passes:
            allowed = _STEPS * limit + 1e-6
            later = []
            for number in left:
                if nearest[number] > allowed:
                    later.append(number)
                    continue
                if len(kept) == most:
                    return [pool[k] for k in kept]
                kept.append(number)
                nearest = np.maximum(nearest, np.where(letters < 1.1 * letters[number], same[number], 0))
            left = later
    return [pool[k] for k in kept]
