from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.alignment import Alignment
from rhoma.structure import (
    LONGEST_FOLD,
    annotate,
    consensus_line,
    dot_bracket,
    fold_consensus,
    match_columns,
    pair_evidence,
    pair_table,
    query_pairs,
)

HAIRPINS = (
    "GGGCGAAAGCCC",
    "GCGCGAAAGCGC",
    "GGACGAAAGUCC",
    "AGGCGAAAGCCU",
)


@st.composite
def structures(draw: st.DrawFn) -> str:
    depth, line = 0, []
    for move in draw(st.lists(st.sampled_from("(.)"), max_size=60)):
        if move == ")" and depth == 0:
            continue
        depth += {"(": 1, ")": -1, ".": 0}[move]
        line.append(move)
    return "".join(line) + ")" * depth


@given(structures())
def test_pairs_and_brackets_are_the_same(structure: str) -> None:
    pairs = pair_table(structure)
    assert dot_bracket(pairs, len(structure)) == structure
    assert pairs == sorted(pairs)
    assert all(structure[i] == "(" and structure[j] == ")" and i < j for i, j in pairs)


def test_wuss_brackets_nest_and_letters_are_unpaired() -> None:
    assert pair_table("(<[{}]>)") == [(0, 7), (1, 6), (2, 5), (3, 4)]
    assert pair_table(":(<__>,)~A..a") == [(1, 7), (2, 5)]


@pytest.mark.parametrize(("line", "said"), [("())", "position 3"), ("(()", "position 1")])
def test_unbalanced_brackets_are_refused(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pair_table(line)


def test_a_single_sequence_and_an_alignment_fold() -> None:
    assert fold_consensus(["GGGCGAAAGCCC"]) == "((((....))))"
    assert fold_consensus(HAIRPINS) == "((((....))))"


def test_iupac_letters_fold_as_unknown() -> None:
    assert fold_consensus(["GGGCRAAYGCCC"]) == "((((....))))"
    assert fold_consensus(["NNNNNNNNNNNNNNN"]) == "." * 15


def test_beyond_the_limit_nothing_is_predicted() -> None:
    assert fold_consensus(["GC" * LONGEST_FOLD]) == "." * (2 * LONGEST_FOLD)


def test_the_model_has_the_query_and_what_most_rows_fill() -> None:
    rows = ("AC--G", "ACU-G", "ACUAG", "A-U--")
    assert match_columns(rows) == [0, 1, 2, 4]
    assert consensus_line(rows, [0, 1, 2, 4]) == "ACU.G"


def test_ties_of_the_consensus_go_by_alphabet() -> None:
    assert consensus_line(("U", "A"), [0]) == "A"


def test_annotation_keeps_insertions_unpaired() -> None:
    rows = tuple(row[:6] + ("-" if n else "A") + row[6:] for n, row in enumerate(reversed(HAIRPINS)))
    inserted = Alignment(("q", "a", "b", "c"), (rows[1], rows[0], *rows[2:]))
    done = annotate(inserted)
    assert done.ss_cons == "((((.....))))"
    assert done.rf[6] == "."
    assert "." not in done.rf.replace(".", "", 1)


def test_pairs_of_the_query_skip_its_gaps() -> None:
    alignment = Alignment(("q", "a"), ("G-GAAAC-C", "GGGAAACCC"), "(((...)))", "GGGAAACCC")
    assert query_pairs(alignment) == [(0, 6, 0, 8), (1, 5, 2, 6)]


@pytest.mark.parametrize(
    ("pairs", "evidence"),
    [
        (["GC", "AU"], "covarying"),
        (["GC", "GU"], "compatible"),
        (["GC", "GC", "--", "G-"], "conserved"),
        (["GC", "GU", "UA"], "covarying"),
        (["GC", "AU", "AA", "GG"], "inconsistent"),
        (["--", "A-"], "unknown"),
    ],
)
def test_evidence_of_a_pair(pairs: list[str], evidence: str) -> None:
    assert pair_evidence(pairs, 0, 1) == evidence
