from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.alignment import Alignment, as_cells, as_rows
from rhoma.msa.covariation import (
    SIGNIFICANT,
    CovaryingPair,
    covariation,
    covariation_line,
    fitch,
    format_covariation,
    power,
    simulate,
    states,
    statistic,
    tree,
)

PAIRS = ("GC", "CG", "AU", "UA")
LETTERS = np.frombuffer(b"-AC-G---U-------", dtype=np.uint8)
ROWS = st.lists(st.text(alphabet="ACGUN-", min_size=7, max_size=7), min_size=3, max_size=7)


def helix(rows: int, length: int, stem: int, rng: np.random.Generator) -> Alignment:
    """Returns rows that share nothing but a stem at their ends, whose pairs change together."""
    made = []
    for _ in range(rows):
        row = list(rng.choice(list("ACGU"), length))
        for place in range(stem):
            row[place], row[length - 1 - place] = PAIRS[rng.integers(4)]
        made.append("".join(row))
    structure = "(" * stem + "." * (length - 2 * stem) + ")" * stem
    return Alignment(tuple(f"s{n}" for n in range(rows)), tuple(made), structure)


def evolved(rows: int, length: int, rng: np.random.Generator, rate: float = 0.03) -> Alignment:
    """Returns rows of one random tree whose columns change by themselves: every pair of columns is a false one."""
    family = [rng.choice(list("ACGU"), length)]
    while len(family) < rows:
        child = family[rng.integers(len(family))].copy()
        where = rng.random(length) < rate * 3
        child[where] = rng.choice(list("ACGU"), int(where.sum()))
        family.append(child)
    return Alignment(tuple(f"s{n}" for n in range(rows)), tuple("".join(row) for row in family), "." * length)


@given(ROWS, st.data())
def test_the_statistic_equals_a_plain_count(rows: list[str], data: st.DataObject) -> None:
    size = len(rows[0])
    counts = data.draw(st.lists(st.integers(1, 3), min_size=len(rows), max_size=len(rows)))
    plain = np.zeros((size, size))
    for i, j in itertools.permutations(range(size), 2):
        # a row of weight two is two rows
        many = [row for row, count in zip(rows, counts, strict=True) for _ in range(count)]
        both = [(row[i], row[j]) for row in many if row[i] in "ACGU" and row[j] in "ACGU"]
        left, right = Counter(a for a, _ in both), Counter(b for _, b in both)
        for (a, b), seen in Counter(both).items():
            plain[i, j] += 2 * seen * math.log(seen * len(both) / (left[a] * right[b]))
    mean = plain.sum(axis=1) / (size - 1)
    expected = plain - np.outer(mean, mean) / mean.mean() if mean.mean() > 1e-6 else plain
    found = statistic(states(as_cells(rows)), np.array(counts, dtype=np.float32))
    upper = np.triu_indices(size, 1)
    np.testing.assert_allclose(found[upper], expected[upper], atol=2e-3)


def fewest_changes(column: str, parents: list[tuple[int, int]]) -> int:
    """Returns the fewest changes of a column on a tree, over all letters of all nodes."""
    best = 10**9
    for inner in itertools.product("ACGU", repeat=len(parents)):
        leaves = [("ACGU" if letter not in "ACGU" else letter) for letter in column]
        for known in itertools.product(*leaves):
            nodes = [*known, *inner]
            count = len(column)
            changes = sum(nodes[child] != nodes[count + n] for n, pair in enumerate(parents) for child in pair)
            best = min(best, changes)
    return best


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(alphabet="ACGUN", min_size=3, max_size=3), min_size=3, max_size=4))
def test_ancestors_need_the_fewest_changes(rows: list[str]) -> None:
    letters = states(as_cells(rows))
    parents, branches = tree(letters)
    nodes = fitch(letters, parents)
    assert set(np.unique(nodes)) <= {1, 2, 4, 8}
    for column in range(3):
        changes = sum(int(nodes[child, column] != nodes[parent, column]) for child, parent in branches)
        assert changes == fewest_changes("".join(row[column] for row in rows), parents)
    known = letters != 15
    assert (nodes[: len(rows)][known] == letters[known]).all()


def test_a_simulation_repeats_the_substitutions_of_every_branch_elsewhere() -> None:
    rng = np.random.default_rng(1)
    letters = states(as_cells(evolved(20, 60, rng).rows))
    parents, branches = tree(letters)
    real = fitch(letters, parents)
    made = simulate(real, branches, rng)
    assert (made[branches[0][1]] == real[branches[0][1]]).all()
    assert (made != real).any()
    for child, parent in branches:
        kinds = [
            Counter(zip(n[parent][n[parent] != n[child]], n[child][n[parent] != n[child]], strict=True))
            for n in (real, made)
        ]
        assert kinds[1] - kinds[0] == Counter()


def test_a_helix_that_covaries_is_found_and_nothing_else() -> None:
    alignment = helix(60, 40, 6, np.random.default_rng(2))
    pairs = covariation(alignment)
    assert [(p.left, p.right) for p in pairs if p.significant] == [(n, 39 - n) for n in range(6)]
    assert all(p.paired for p in pairs)
    assert covariation_line(pairs, 40) == "2" * 6 + "." * 28 + "2" * 6
    text = format_covariation(pairs, alignment).splitlines()
    assert len(text) == 7
    assert text[1].split("\t")[:5] == ["1", "40", "1", "40", "yes"]


def test_copies_do_not_hide_what_relatives_show() -> None:
    rng = np.random.default_rng(2)
    relatives = helix(60, 40, 6, rng)
    copies = []
    for _ in range(500):
        row = np.array(list(relatives.rows[0]))
        changed = rng.random(40) < 0.06
        row[changed] = rng.choice(list("ACGU"), int(changed.sum()))
        copies.append("".join(row))
    # as in a search: what is most like the query comes first
    rows = (relatives.rows[0], *copies, *relatives.rows[1:])
    pairs = covariation(Alignment(tuple(map(str, range(len(rows)))), rows, relatives.ss_cons))
    assert [(p.left, p.right) for p in pairs if p.significant] == [(n, 39 - n) for n in range(6)]


def test_pairs_outside_the_structure_are_told_apart() -> None:
    alignment = helix(60, 40, 6, np.random.default_rng(2)).with_lines(ss_cons="." * 40)
    pairs = covariation(alignment)
    assert len(pairs) == 6
    assert not any(p.paired for p in pairs)
    assert covariation_line(pairs, 40) == "." * 40


def test_conserved_pairs_are_no_evidence() -> None:
    rows = tuple("GGGGAAAACCCC" for _ in range(10))
    assert covariation(Alignment(tuple("abcdefghij"), rows, "((((....))))")) == []


def test_phylogeny_alone_is_no_evidence() -> None:
    rng = np.random.default_rng(7)
    runs = 20
    found = sum(sum(p.significant for p in covariation(evolved(30, 50, rng), seed=n)) for n in range(runs))
    # 0.05 an alignment are stated: within a factor of three
    assert found <= 3 * SIGNIFICANT * runs


@pytest.mark.parametrize("rows", [("ACGUACGU",), ("ACGUACGU", "ACGUACGA"), ("NNNNNNNN",) * 4, ("--------",) * 4])
def test_few_or_empty_rows_have_no_evidence(rows: tuple[str, ...]) -> None:
    assert covariation(Alignment(tuple(map(str, range(len(rows)))), rows, "((....))")) == []


def test_the_same_rows_give_the_same_figures() -> None:
    alignment = helix(30, 30, 4, np.random.default_rng(3))
    assert covariation(alignment) == covariation(alignment)


def test_power_grows_with_substitutions() -> None:
    values = [power(count) for count in (0, 1, 5, 20, 100)]
    assert values == sorted(values)
    assert values[0] < 0.1 < 0.9 < values[-1]


def test_rows_come_back_from_their_states() -> None:
    rows = ("ACGU-", "N-GGA")
    assert as_rows(LETTERS[states(as_cells(rows))]) == ("ACGU-", "--GGA")
    assert CovaryingPair(0, 4, True, 3.0, 0.05, 3, 0.5).significant


@pytest.mark.parametrize("columns", range(1, 6))
def test_so_few_columns_hold_no_pair(columns: int) -> None:
    rows = ("ACGUA", "CAUGC", "GGCAU", "UCAAG")
    cut = tuple(row[:columns] for row in rows)
    assert all(not pair.paired for pair in covariation(Alignment(tuple("abcd"), cut, "." * columns)))
