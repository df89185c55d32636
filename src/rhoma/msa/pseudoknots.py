"""Helices that cross the consensus structure, where the columns of a pair covary more than their phylogeny explains.

SS_cons holds nested pairs alone. A significant pair (:mod:`rhoma.msa.covariation`) of two columns that are free there
and that crosses some of its pairs is grown into a helix by the stacked pairs beside it. Such helices are written
as WUSS writes pseudoknots, letters in SS_cons (``AAA...aaa``), and as brackets in lines ``SS_cons_1``,
``SS_cons_2`` and so on, as R-scape writes and reads them.
"""

from __future__ import annotations

from dataclasses import replace
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np

from rhoma.alignment import as_cells
from rhoma.structure import match_columns, pair_evidence, pair_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.alignment import Alignment
    from rhoma.msa.covariation import CovaryingPair

    Helix = list[tuple[int, int]]

LINE = "SS_cons_"
# Shorter helices are not believed.
_FEWEST = 3
# The share of rows that have letters at both columns of a stacked pair.
_FILLED = 0.5
_LOOP = 4


def crossing_helices(alignment: Alignment, pairs: Sequence[CovaryingPair]) -> list[Helix]:
    """Returns the helices of at least three pairs that cross the structure, those of the surest pair first.

    No column is in two of them.

    Args:
        alignment: With ``ss_cons``.
        pairs: Of :func:`rhoma.msa.covariation.covariation`.
    """
    nested = pair_table(alignment.ss_cons)
    taken = {column for pair in nested for column in pair}
    columns = match_columns(alignment.rows)
    order = {column: place for place, column in enumerate(columns)}
    found = []
    seeds = [pair for pair in pairs if pair.significant and not pair.paired]
    for seed in sorted(seeds, key=lambda pair: (pair.evalue, pair.left, pair.right)):
        ends = (seed.left, seed.right)
        if not _crosses(ends, nested) or not all(end in order for end in ends) or taken & set(ends):
            continue
        helix = _grown(alignment, columns, (order[seed.left], order[seed.right]), taken)
        if len(helix) >= _FEWEST:
            found.append(helix)
            taken |= {column for pair in helix for column in pair}
    return found


def _crosses(pair: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    i, j = pair
    return any(a < i < b < j or i < a < j < b for a, b in others)


def _grown(alignment: Alignment, columns: Sequence[int], seed: tuple[int, int], taken: set[int]) -> Helix:
    """Returns the stacked pairs of columns around a pair that are free and mostly canonical.

    Args:
        alignment: The rows.
        columns: The model's columns.
        seed: Places of the pair in ``columns``.
        taken: Columns that are paired already.
    """
    filled = as_cells(alignment.rows) != ord("-")
    helix = [seed]
    for step in (-1, 1):
        i, j = seed[0] + step, seed[1] - step
        while i >= 0 and j < len(columns) and j - i >= _LOOP:
            left, right = columns[i], columns[j]
            evidence = pair_evidence(alignment.rows, left, right)
            together = float(np.mean(filled[:, left] & filled[:, right]))
            if left in taken or right in taken or together < _FILLED or evidence in ("inconsistent", "unknown"):
                break
            helix.append((i, j))
            i, j = i + step, j - step
    return sorted((columns[i], columns[j]) for i, j in helix)


def with_pseudoknots(alignment: Alignment, helices: Sequence[Helix]) -> Alignment:
    """Returns the alignment with helices that cross its structure: letters in ``ss_cons``, brackets in further lines.

    Helices that do not cross each other share a line. WUSS has 26 letters; further helices stand in the lines alone.

    Args:
        alignment: With ``ss_cons``.
        helices: Of :func:`crossing_helices`.
    """
    marked = list(alignment.ss_cons)
    levels: list[Helix] = []
    for number, helix in enumerate(helices):
        for left, right in helix if number < len(ascii_uppercase) else []:
            marked[left], marked[right] = ascii_uppercase[number], ascii_uppercase[number].lower()
        level = next((level for level in levels if not any(_crosses(pair, level) for pair in helix)), None)
        if level is None:
            levels.append(list(helix))
        else:
            level += helix
    lines = dict(alignment.lines)
    for number, level in enumerate(levels, start=1):
        line = ["."] * alignment.columns
        for left, right in level:
            line[left], line[right] = "<", ">"
        lines[f"{LINE}{number}"] = "".join(line)
    return replace(alignment, ss_cons="".join(marked), lines=lines)
