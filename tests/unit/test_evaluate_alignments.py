from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.evaluate.alignments import Columns, columns_of, compare, merge_pairwise, rows_of_seed

REFERENCE = {
    "a": "GCA-UGC",
    "b": "GCAAUGC",
    "c": "GC-AU--",
}
STRUCTURE = "((...))"


def aligned(rows: dict[str, str]) -> Columns:
    return {name: columns_of(row) for name, row in rows.items()}


def test_columns_of_a_part() -> None:
    assert columns_of("-A.CG").tolist() == [1, 3, 4]
    assert columns_of("-AC", start=2, length=6).tolist() == [-1, -1, 1, 2, -1, -1]


def test_the_reference_itself_is_perfect() -> None:
    found = compare(aligned(REFERENCE), rows_of_seed(REFERENCE), STRUCTURE, STRUCTURE)
    assert (found.shared, found.sps, found.column, found.pair_f1) == (3, 1.0, 1.0, 1.0)


def test_a_hand_worked_alignment() -> None:
    # The reference has columns of 3, 3, 2, 2, 3, 2 and 2 residues: 3 + 3 + 1 + 1 + 3 + 1 + 1 = 13 pairs.
    # In the test c is moved by one: its 4 residues lose 2 + 2 + 1 + 2 = 7 pairs, 6 are left, and a-b keeps its 3
    # columns without c (third, sixth, seventh); the third column is whole, the sixth and seventh too.
    test = {"a": "GCA-UGC", "b": "GCAAUGC", "c": "-GC-AU-"}
    found = compare(aligned(test), rows_of_seed(REFERENCE), STRUCTURE, STRUCTURE)
    assert found.sps == pytest.approx(6 / 13)
    # c's C stands in the third column and its U in the sixth, so only the seventh is as it was.
    assert found.column == pytest.approx(1 / 7)
    # Pairs: a and b have (0, last) and (1, last but one); c has none in the reference, one in the test
    # (its G in the second column with its U in the sixth).
    assert found.pair_recall == 1.0
    assert found.pair_precision == pytest.approx(4 / 5)
    assert found.pair_f1 == pytest.approx(8 / 9)


def test_residues_that_a_row_lacks_are_not_aligned() -> None:
    test = aligned(REFERENCE)
    test["b"] = columns_of("---AUGC", start=3, length=7)
    found = compare(test, rows_of_seed(REFERENCE), STRUCTURE, STRUCTURE)
    # b loses three residues: two pairs each in the first two columns and one in the third.
    assert found.sps == pytest.approx(8 / 13)


def test_sequences_of_one_alignment_only_do_not_count() -> None:
    found = compare(aligned({"a": "GCAUGC", "x": "GGGGGG"}), rows_of_seed(REFERENCE), "......", STRUCTURE)
    assert found.shared == 1
    assert math.isnan(found.sps)
    assert math.isnan(found.column)
    assert (found.pair_recall, found.pair_f1) == (0.0, 0.0)


ROWS = st.lists(st.text("A-", min_size=8, max_size=8), min_size=2, max_size=4)


@given(ROWS, st.randoms())
def test_against_all_pairs_one_by_one(rows: list[str], random: object) -> None:
    reference = {str(n): row for n, row in enumerate(rows)}
    test = {}
    for name, row in reference.items():
        letters = list(row)
        random.shuffle(letters)  # type: ignore[attr-defined]
        test[name] = "".join(letters)
    found = compare(aligned(test), rows_of_seed(reference), "." * 8, "." * 8)
    places = {name: [i for i, letter in enumerate(row) if letter == "A"] for name, row in reference.items()}
    others = {name: [i for i, letter in enumerate(row) if letter == "A"] for name, row in test.items()}

    def pairs(columns: dict[str, list[int]]) -> set[tuple[str, int, str, int]]:
        return {
            (a, i, b, j)
            for a, b in itertools.combinations(sorted(columns), 2)
            for i, x in enumerate(columns[a])
            for j, y in enumerate(columns[b])
            if x == y
        }

    true = pairs(places)
    if true:
        assert found.sps == pytest.approx(len(true & pairs(others)) / len(true))
    else:
        assert math.isnan(found.sps)


def test_pairwise_alignments_become_one() -> None:
    merged = merge_pairwise("ACGU", {"x": (0, "AC--GU", "ACUUGU"), "y": (1, "C-GU", "CAG-")})
    assert merged == {"": "AC--GU", "x": "ACUUGU", "y": "-CA-G-"}


def test_the_letters_of_every_hit_are_kept() -> None:
    merged = merge_pairwise("GGCC", {"x": (2, "C-C", "CAC"), "y": (0, "G-GC", "GUGC")})
    assert {row.replace("-", "") for row in merged.values()} == {"GGCC", "CAC", "GUGC"}
    assert len({len(row) for row in merged.values()}) == 1
