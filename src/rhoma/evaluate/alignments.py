"""Figures of an alignment against a reference: sum of pairs, columns, base pairs.

Both are reduced to the sequences they share. A row of the alignment under test may hold a part of its
sequence; what it lacks is not aligned. Positions are 0-based residues of the whole sequence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rhoma.structure import pair_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# sequence -> column of every residue, -1 for residues that the row does not hold
Columns = dict[str, "NDArray[np.int64]"]


@dataclass(frozen=True, slots=True)
class AlignmentFigures:
    """How near an alignment is to the reference.

    Attributes:
        shared: sequences in both.
        sps: share of the reference's pairs of aligned residues that are aligned; nan without any.
        column: share of the reference's columns (of two residues or more) that are there as they are;
        likewise.
        pair_precision: share of the consensus base pairs, on the shared sequences, that are the reference's.
        pair_recall: share of the reference's that are there.
        pair_f1: their harmonic mean; nan where neither has a pair.
    """

    shared: int
    sps: float
    column: float
    pair_precision: float
    pair_recall: float
    pair_f1: float


def columns_of(row: str, *, start: int = 0, length: int | None = None) -> NDArray[np.int64]:
    """Returns the column of every residue of a sequence.

    Args:
        row: aligned row; ``-`` and ``.`` are gaps.
        start: residue of the sequence that the row begins with.
        length: of the whole sequence; by default the row ends it.
    """
    held = np.array([place for place, letter in enumerate(row) if letter not in "-."], dtype=np.int64)
    whole = np.full(start + len(held) if length is None else length, -1, dtype=np.int64)
    whole[start : start + len(held)] = held
    return whole


def compare(test: Columns, reference: Columns, test_structure: str, reference_structure: str) -> AlignmentFigures:
    """Returns the figures over the sequences in both; structures are in WUSS or dot-bracket notation."""
    names = sorted(set(test) & set(reference))
    pairs = shared_pairs = columns = whole = 0
    by_column: dict[int, list[tuple[str, int]]] = {}
    for name in names:
        for residue, column in enumerate(reference[name].tolist()):
            if column >= 0:
                by_column.setdefault(column, []).append((name, residue))
    occupied = Counter(column for name in names for column in test[name].tolist() if column >= 0)
    for members in by_column.values():
        if len(members) < 2:
            continue
        places = [int(test[name][residue]) if residue < len(test[name]) else -1 for name, residue in members]
        counts = Counter(place for place in places if place >= 0)
        pairs += len(members) * (len(members) - 1) // 2
        shared_pairs += sum(count * (count - 1) // 2 for count in counts.values())
        columns += 1
        whole += len(counts) == 1 and len(members) == counts[places[0]] == occupied[places[0]]
    true = {name: _residue_pairs(reference[name], reference_structure) for name in names}
    found = {name: _residue_pairs(test[name], test_structure) for name in names}
    right = sum(len(true[name] & found[name]) for name in names)
    n_true, n_found = (sum(map(len, table.values())) for table in (true, found))
    return AlignmentFigures(
        shared=len(names),
        sps=shared_pairs / pairs if pairs else float("nan"),
        column=whole / columns if columns else float("nan"),
        pair_precision=right / n_found if n_found else float("nan"),
        pair_recall=right / n_true if n_true else float("nan"),
        pair_f1=2 * right / (n_true + n_found) if n_true + n_found else float("nan"),
    )


def _residue_pairs(columns: NDArray[np.int64], structure: str) -> set[tuple[int, int]]:
    residue = {column: place for place, column in enumerate(columns.tolist()) if column >= 0}
    return {(residue[i], residue[j]) for i, j in pair_table(structure) if i in residue and j in residue}


def rows_of_seed(rows: Mapping[str, str]) -> Columns:
    """Returns the columns of a reference alignment's rows, which hold whole sequences."""
    return {name: columns_of(row) for name, row in rows.items()}


def merge_pairwise(query: str, hits: Mapping[str, tuple[int, str, str]]) -> dict[str, str]:
    """Returns one alignment of a query (named ``""``) and hits that are each aligned to it.

    Args:
        query: its letters.
        hits: name -> (first query residue, aligned query, aligned hit), 0-based, gaps as ``-``. Insertions of
            different hits at one place share columns, from the left.
    """
    inserted = np.zeros(len(query) + 1, dtype=np.int64)
    parts: dict[str, tuple[dict[int, str], dict[int, str]]] = {}
    for name, (start, aligned_query, aligned_hit) in hits.items():
        matched: dict[int, str] = {}
        extra: dict[int, str] = {}
        place = start
        for own, other in zip(aligned_query, aligned_hit, strict=True):
            if own == "-":
                extra[place] = extra.get(place, "") + other
            else:
                matched[place] = other
                place += 1
        for at, letters in extra.items():
            inserted[at] = max(inserted[at], len(letters))
        parts[name] = (matched, extra)

    def row(matched: dict[int, str], extra: dict[int, str]) -> str:
        cells = []
        for at in range(len(query) + 1):
            cells.append(extra.get(at, "").ljust(int(inserted[at]), "-"))
            if at < len(query):
                cells.append(matched.get(at, "-"))
        return "".join(cells)

    own_row = row(dict(enumerate(query)), {})
    return {"": own_row, **{name: row(*both) for name, both in parts.items()}}
