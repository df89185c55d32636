"""Consensus secondary structures: prediction (ViennaRNA), pair tables, and the covariation of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import as_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rhoma.alignment import Alignment

_OPEN = "(<[{"
_CLOSE = ")>]}"
CANONICAL = frozenset({"AU", "UA", "GC", "CG", "GU", "UG"})
# Beyond this the folding matrices, which grow with the square, no longer fit a laptop's memory.
LONGEST_FOLD = 6_000
# From here on only pairs within the span are considered, on a part of the rows.
LONG = 1_500
_SPAN = 600
_ROWS_WHEN_LONG = 20
_TO_ACGUN = str.maketrans("RYSWKMBDHVN", "N" * 11)


def pair_table(structure: str) -> list[tuple[int, int]]:
    """Returns the pairs (i, j), 0-based with i < j, sorted, of a dot-bracket or WUSS line.

    All four kinds of brackets nest together, as in WUSS; letters of pseudoknots count as unpaired.

    Raises:
        ValueError: the brackets are not balanced.
    """
    stack: list[int] = []
    pairs = []
    for position, sign in enumerate(structure):
        if sign in _OPEN:
            stack.append(position)
        elif sign in _CLOSE:
            if not stack:
                raise ValueError(f"no opening bracket for position {position + 1}")
            pairs.append((stack.pop(), position))
    if stack:
        raise ValueError(f"no closing bracket for position {stack[-1] + 1}")
    return sorted(pairs)


def dot_bracket(pairs: Sequence[tuple[int, int]], length: int) -> str:
    """Returns the dot-bracket line of nested pairs."""
    line = ["."] * length
    for i, j in pairs:
        line[i], line[j] = "(", ")"
    return "".join(line)


def known_letters(rows: Sequence[str]) -> list[str]:
    """Returns the rows with N for every code of ambiguity, as ViennaRNA wants them."""
    return [row.translate(_TO_ACGUN) for row in rows]


def fold_consensus(rows: Sequence[str]) -> str:
    """Returns the dot-bracket structure of an alignment: RNAalifold with RIBOSUM scores, RNAfold for one row.

    Above ``LONG`` columns, pairs span at most 600 columns and 20 rows are folded, evenly spread ones; above
    ``LONGEST_FOLD`` columns there is no prediction and the line is all dots.

    Args:
        rows: upper-case RNA with ``-``, all of one length, at least one.
    """
    import RNA

    length = len(rows[0])
    if length > LONGEST_FOLD or length == 0:
        return "." * length
    model = RNA.md()
    model.noLP = 1
    if length > LONG:
        model.max_bp_span = _SPAN
        rows = spread(rows, _ROWS_WHEN_LONG)
    letters = known_letters(rows)
    if len(letters) == 1:
        structure, _ = RNA.fold_compound(letters[0].replace("-", "N"), model).mfe()
    else:
        # RNAalifold -r --cfactor 0.6 --nfactor 0.5, the setting its authors recommend with RIBOSUM scores.
        model.ribo, model.cv_fact, model.nc_fact = 1, 0.6, 0.5
        structure, _ = RNA.fold_compound(letters, model).mfe()
    return str(structure)


def spread(rows: Sequence[str], most: int) -> list[str]:
    """Returns at most so many rows, the first and others at even distances."""
    if len(rows) <= most:
        return list(rows)
    return [rows[place] for place in np.linspace(0, len(rows) - 1, most).round().astype(int).tolist()]


def match_columns(rows: Sequence[str], *, occupancy: float = 0.5) -> list[int]:
    """Returns the model's columns: those of the query (first row), and those that half of the rows fill."""
    filled = as_cells(rows) != ord("-")
    columns: list[int] = np.flatnonzero(filled[0] | (filled.sum(axis=0) > occupancy * len(rows))).tolist()
    return columns


def consensus_line(rows: Sequence[str], columns: Sequence[int]) -> str:
    """Returns the reference line: the commonest letter of each model column, ``.`` at insertions.

    Ties go to the alphabetically first letter.
    """
    cells = as_cells(rows)
    letters = np.setdiff1d(np.unique(cells), [ord("-")])
    line = ["."] * cells.shape[1]
    if len(letters):
        counts = np.stack([(cells == letter).sum(axis=0) for letter in letters])
        best = letters[counts.argmax(axis=0)]
        for column in columns:
            line[column] = chr(best[column]) if counts[:, column].any() else "N"
    return "".join(line)


def annotate(alignment: Alignment, fold: Callable[[Sequence[str]], str] = fold_consensus) -> Alignment:
    """Returns the alignment with its predicted consensus structure and a reference line.

    The structure is folded over the model's columns alone; insertions are unpaired.

    Args:
        alignment: the query first.
        fold: from rows to a dot-bracket line.
    """
    columns = match_columns(alignment.rows)
    folded = fold(["".join(row[c] for c in columns) for row in alignment.rows])
    line = ["."] * alignment.columns
    for column, sign in zip(columns, folded, strict=True):
        line[column] = sign
    return alignment.with_lines(ss_cons="".join(line), rf=consensus_line(alignment.rows, columns))


def query_pairs(alignment: Alignment) -> list[tuple[int, int, int, int]]:
    """Returns (query i, query j, column i, column j) of consensus pairs whose columns the query fills.

    Query positions and columns are 0-based.
    """
    place: list[int] = []
    count = 0
    for letter in alignment.rows[0]:
        place.append(count if letter != "-" else -1)
        count += letter != "-"
    return [(place[i], place[j], i, j) for i, j in pair_table(alignment.ss_cons) if place[i] >= 0 and place[j] >= 0]


def pair_evidence(rows: Sequence[str], i: int, j: int) -> str:
    """Returns what the rows say of a pair of columns.

    ``covarying``: two rows have canonical pairs that differ at both positions (a compensatory change);
    ``compatible``: canonical pairs that differ at one position (as G-C and G-U); ``conserved``: one
    canonical pair;
    ``inconsistent``: fewer than 70 % of the rows that have a letter at both columns pair canonically,
    whatever else;
    ``unknown``: no row has letters at both.
    """
    pairs = [row[i] + row[j] for row in rows if row[i] != "-" and row[j] != "-"]
    if not pairs:
        return "unknown"
    canonical = [pair for pair in pairs if pair in CANONICAL]
    if len(canonical) < 0.7 * len(pairs):
        return "inconsistent"
    kinds = sorted(set(canonical))
    if any(a[0] != b[0] and a[1] != b[1] for n, a in enumerate(kinds) for b in kinds[n + 1 :]):
        return "covarying"
    return "compatible" if len(kinds) > 1 else "conserved"
