from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.alignment import as_cells
from rhoma.msa import select as module
from rhoma.msa.select import effective_sequences, fragments, identity_blocks, select

ROWS = st.lists(st.text(alphabet="ACGUN-", min_size=12, max_size=12), min_size=1, max_size=8)


def same(a: str, b: str) -> float:
    shared = [(x, y) for x, y in zip(a, b, strict=True) if x in "ACGU" and y in "ACGU"]
    return sum(x == y for x, y in shared) / len(shared) if shared else 0.0


def kept(rows: list[str], *, most: int = 100, max_identity: float = 0.95) -> list[int]:
    return select(as_cells(rows), range(1, len(rows)), most=most, max_identity=max_identity)


def family(count: int, changes: float, rng: np.random.Generator, length: int = 80) -> list[str]:
    """Returns sequences, each with that share of letters of the first one drawn anew."""
    first = rng.choice(list("ACGU"), length)
    rows = [first]
    for _ in range(count):
        row = first.copy()
        where = rng.random(length) < changes
        row[where] = rng.choice(list("ACGU"), int(where.sum()))
        rows.append(row)
    return ["".join(row) for row in rows]


@given(ROWS)
def test_identities_equal_a_plain_count(rows: list[str]) -> None:
    found = np.concatenate(list(identity_blocks(as_cells(rows))))
    np.testing.assert_allclose(found, [[same(a, b) for b in rows] for a in rows], atol=1e-6)


@given(ROWS)
def test_neff_equals_a_plain_count(rows: list[str]) -> None:
    expected = sum(1 / sum(i == j or same(a, b) >= 0.8 - 1e-9 for j, b in enumerate(rows)) for i, a in enumerate(rows))
    assert effective_sequences(as_cells(rows)) == pytest.approx(expected)


@given(ROWS, st.sampled_from([0.5, 0.7, 0.9, 1.0]), st.integers(1, 8))
def test_no_two_kept_rows_are_too_alike_and_every_other_resembles_one(rows: list[str], limit: float, most: int) -> None:
    chosen = kept(rows, most=most, max_identity=limit)
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= most
    letters = [len(row.replace("-", "")) for row in rows]
    for i in chosen:
        assert rows[i].replace("-", "") not in rows[0].replace("-", "")
        for j in chosen:
            if i != j and abs(letters[i] - letters[j]) < 0.1 * min(letters[i], letters[j]):
                assert same(rows[i], rows[j]) <= limit + 1e-6
    if len(chosen) < most:
        for i in set(range(1, len(rows))) - set(chosen):
            copy = rows[i].replace("-", "") in rows[0].replace("-", "")
            assert copy or any(same(rows[i], rows[j]) > limit - 1e-6 or _letters(rows, i, j) for j in chosen)


def _letters(rows: list[str], i: int, j: int) -> bool:
    return rows[i].replace("-", "") == rows[j].replace("-", "")


def test_copies_of_the_query_go_and_its_variants_stay() -> None:
    rng = np.random.default_rng(1)
    rows = family(30, 0.05, rng)
    crowd = [rows[0], *[rows[0]] * 500, *rows[1:]]
    chosen = kept(crowd, max_identity=0.97)
    assert all(number > 500 for number in chosen)
    assert len(chosen) >= 20


def test_of_many_the_different_ones_are_kept() -> None:
    rng = np.random.default_rng(2)
    near = family(300, 0.08, rng)
    far = family(30, 0.8, rng)
    rows = [*near, *far]
    chosen = kept(rows, most=50, max_identity=0.99)
    assert set(range(302, 332)) <= set(chosen)
    assert effective_sequences(as_cells([rows[i] for i in chosen])) > 30


def test_a_longer_relative_of_a_fragment_stays_and_fragments_come_last() -> None:
    rows = ["ACGUACGUAC", "AGGU------", "AGGUACGUAC", "----CCGUAC"]
    assert kept(rows) == [2, 3]
    assert fragments(as_cells(rows)).tolist() == [False, True, False, False]
    assert kept(["ACGUACGUAC", "GG--------", "CCGUACGUAC"], most=1) == [2]


def test_rows_without_known_letters() -> None:
    assert kept(["ACGUACGU", "--------", "NNNNNNNN"]) == [2]
    assert kept(["ACGUACGU", "ACGUACGU"]) == []
    assert kept(["ACGUACGU"]) == []
    assert effective_sequences(as_cells(["ACGU", "NNNN", "NNNN"])) == 3.0


def test_portions_keep_what_one_comparison_would(monkeypatch) -> None:
    rng = np.random.default_rng(4)
    rows = family(200, 0.3, rng)
    whole = kept(rows, max_identity=0.8, most=1000)
    monkeypatch.setattr(module, "_MOST_AT_ONCE", 40)
    assert abs(len(kept(rows, max_identity=0.8, most=1000)) - len(whole)) <= 0.2 * len(whole)


def test_five_thousand_rows_take_seconds() -> None:
    rows = family(5000, 0.4, np.random.default_rng(3), length=160)
    began = time.process_time()
    chosen = kept(rows, most=2000)
    assert len(chosen) == 2000
    assert time.process_time() - began < 20
