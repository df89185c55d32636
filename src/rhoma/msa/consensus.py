"""The consensus secondary structure of an alignment: what its rows fold into together, and each by itself.

RNAalifold folds the alignment, RNAfold every row of a sample; with what else speaks for a pair
(:mod:`rhoma.msa.evidence`) they say how probable it is, and the structure is the one with the largest expected accuracy
(gamma-centroid; Hamada, Kiryu, Sato, Mituyama and Asai 2009, Bioinformatics 25:465). The rows' own structures help most
where an alignment is not quite right: a helix that is out of register in the columns is still one in every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.msa.evidence import probable
from rhoma.structure import LONG, dot_bracket, fold_consensus, known_letters, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# RNAalifold's own weight of covariation and penalty of impossible pairs: how much its probabilities say is fitted.
_COVARIATION, _IMPOSSIBLE = 1.0, 1.0
# How much more a true pair counts than a false one (docs/decisions.md).
_GAMMA = 4.0
# Rows that RNAalifold sees, and rows that are folded by themselves at 200 nt; fewer of longer ones.
_MOST_ROWS = 60
_SINGLE_ROWS = 20
_SINGLE_LENGTH = 200
_LOOP = 4
# kT at 37 degrees in kcal/mol.
_KT = 0.61632
# Longer ones are folded once for the energy that keeps the partition function within the range of numbers.
_RESCALED = 500


def fold(
    rows: Sequence[str],
    known: dict[str, NDArray[np.float64]] | None = None,
    *,
    covarying: Sequence[tuple[int, int]] = (),
) -> str:
    """Returns the dot-bracket structure of an alignment; RNAfold's for one row.

    Pairs that stack on no other are left out, unless they covary. Above ``LONG`` columns it is
    :func:`rhoma.structure.fold_consensus`.

    Args:
        rows: Upper-case RNA with ``-``, all of one length, at least one.
        known: As for :func:`foldings`.
        covarying: Columns (i, j), i < j, that covary significantly.
    """
    length = len(rows[0])
    if len(rows) == 1 or length > LONG or length == 0:
        return fold_consensus(rows)
    common, alone = foldings(rows, known)
    pairs = centroid(probable(rows, common, alone, covarying), _GAMMA)
    return dot_bracket(without_lone(pairs, covarying), length)


def without_lone(pairs: Sequence[tuple[int, int]], covarying: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """Returns the pairs that stack on another one, and those that covary."""
    kept = {*pairs}
    return [(i, j) for i, j in pairs if (i, j) in covarying or (i - 1, j + 1) in kept or (i + 1, j - 1) in kept]


def foldings(
    rows: Sequence[str], known: dict[str, NDArray[np.float64]] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns base-pair probabilities of rows together, and the mean of single ones, both (columns, columns).

    Of more than 60 rows the first and evenly spread others are folded.

    Args:
        rows: Upper-case RNA with ``-``, all of one length, at least two.
        known: Pair probabilities of single sequences, which are read and filled: a caller that folds the same rows
            again keeps them. Rows that it holds are preferred to others.
    """
    known = {} if known is None else known
    letters = known_letters(rows)
    some = spread(letters, _MOST_ROWS)
    common = _alifold(some)
    alone = np.zeros_like(common)
    fewer = max(2, min(_SINGLE_ROWS, int(_SINGLE_ROWS * (_SINGLE_LENGTH / len(rows[0])) ** 2)))
    sample = spread([row for row in letters if row.replace("-", "") in known] or some, fewer)
    for row in sample:
        at = np.flatnonzero(np.frombuffer(row.encode("ascii"), dtype=np.uint8) != ord("-"))
        if len(at) > _LOOP:
            text = row.replace("-", "")
            if text not in known:
                known[text] = pair_probabilities(text)
            alone[np.ix_(at, at)] += known[text]
    return common, alone / len(sample)


def _alifold(rows: Sequence[str]) -> NDArray[np.float64]:
    """Returns RNAalifold's base-pair probabilities with RIBOSUM scores, symmetric, shape (columns, columns)."""
    import RNA

    model = RNA.md()
    model.ribo, model.cv_fact, model.nc_fact = 1, _COVARIATION, _IMPOSSIBLE
    return _probabilities(RNA.fold_compound(list(rows), model))


def pair_probabilities(
    sequence: str, energies: NDArray[np.float64] | None = None, able: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Returns RNAfold's base-pair probabilities of one sequence, symmetric, shape (nucleotides, nucleotides).

    Args:
        sequence: Of A, C, G, U and N.
        energies: What every base pair costs besides, in units of kT at 37 degrees; symmetric.
        able: The pairs that are looked at, symmetric; without it all. Of few it takes half of the time.
    """
    import RNA

    compound = RNA.fold_compound(sequence, RNA.md())
    if energies is not None:
        compound.sc_set_bp(np.pad(_KT * energies, ((1, 0), (1, 0))).tolist())
    if able is not None:
        for i, j in (np.argwhere(np.triu(_canonical(sequence) & ~able, _LOOP)) + 1).tolist():
            compound.hc_add_bp(i, j, RNA.CONSTRAINT_CONTEXT_NO_REMOVE)
    return _probabilities(compound)


def _canonical(sequence: str) -> NDArray[np.bool_]:
    """Returns which letters can pair, shape (nucleotides, nucleotides)."""
    letters = np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)
    found = np.zeros((len(letters), len(letters)), dtype=bool)
    for left, right in ("AU", "CG", "GU"):
        found |= (letters[:, None] == ord(left)) & (letters == ord(right))
    return np.asarray(found | found.T)


def _probabilities(compound: object) -> NDArray[np.float64]:
    # the bindings have no types
    if compound.length > _RESCALED:  # type: ignore[attr-defined]
        _, energy = compound.mfe()  # type: ignore[attr-defined]
        compound.exp_params_rescale(energy)  # type: ignore[attr-defined]
    compound.pf()  # type: ignore[attr-defined]
    upper = np.asarray(compound.bpp(), dtype=np.float64)[1:, 1:]  # type: ignore[attr-defined]
    return np.asarray(upper + upper.T)


def centroid(probabilities: NDArray[np.float64], gamma: float) -> list[tuple[int, int]]:
    """Returns the nested pairs (i, j), sorted, with the largest sum of (gamma + 1) p - 1; hairpins have three letters.

    Args:
        probabilities: Symmetric, shape (n, n).
        gamma: How much more a true pair counts than a false one.
    """
    size = len(probabilities)
    gain = (gamma + 1) * probabilities - 1
    # best[i, j]: largest sum of the pairs within [i, j); partner[i, j]: whom j - 1 then pairs with
    best = np.zeros((size + 1, size + 1))
    partner = np.full((size + 1, size + 1), -1, dtype=np.int64)
    for j in range(_LOOP, size):
        able = np.flatnonzero(gain[: j - _LOOP + 1, j] > 0)
        best[: j + 1, j + 1] = best[: j + 1, j]
        for k in able.tolist():
            # j pairs with k: for every begin up to k
            value = best[: k + 1, k] + best[k + 1, j] + gain[k, j]
            better = value > best[: k + 1, j + 1] + 1e-12
            best[: k + 1, j + 1][better] = value[better]
            partner[: k + 1, j + 1][better] = k
    pairs = []
    stack = [(0, size)]
    while stack:
        i, end = stack.pop()
        if end - i <= _LOOP:
            continue
        k = int(partner[i, end])
        if k < 0:
            stack.append((i, end - 1))
        else:
            pairs.append((k, end - 1))
            stack += [(i, k), (k + 1, end - 1)]
    return sorted(pairs)
