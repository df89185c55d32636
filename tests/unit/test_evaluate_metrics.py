from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.evaluate.metrics import (
    FIGURES,
    Truth,
    at_evalue,
    average_precision,
    figures,
    interval,
    judge,
    mean,
    recall_at,
    roc1,
    truth_of,
)
from rhoma.evaluate.ranking import RankedHit

LABELS = {
    "q": ("F1", "C1"),
    "a": ("F1", "C1"),
    "b": ("F1", "C1"),
    "mate": ("F2", "C1"),
    "other": ("F3", ""),
    "clanless": ("F4", ""),
}
TARGETS = [*LABELS, "decoy"]
TRUTH = truth_of("q", LABELS, TARGETS, {})


def hits(*rows: tuple[str, float]) -> list[RankedHit]:
    return [RankedHit("q", target, "+", score, 10.0**-score) for target, score in rows]


def test_truth_of_a_query_with_clan_mates() -> None:
    assert TRUTH == Truth("q", "F1", frozenset("ab"), frozenset({"q", "mate"}))


def test_families_of_a_component_are_neither_true_nor_false() -> None:
    truth = truth_of("q", LABELS, TARGETS, {"F1": "F1", "F3": "F1", "F4": "F4"})
    assert truth == Truth("q", "F1", frozenset("ab"), frozenset({"q", "mate", "other"}))
    # without a component of its own, a family has none in common with others
    assert truth_of("clanless", LABELS, TARGETS, {"F1": "F1"}).ignored == {"clanless"}


def test_families_without_clan_are_no_mates() -> None:
    assert truth_of("other", LABELS, TARGETS, {}).ignored == {"other"}
    assert truth_of("other", LABELS, TARGETS, {}).positives == frozenset()


def test_all_found_first() -> None:
    judged = judge(hits(("a", 9), ("b", 8), ("decoy", 1)), TRUTH)
    assert figures(judged) == {**dict.fromkeys(FIGURES, 1.0)}


def test_self_hits_and_clan_mates_leave_the_list() -> None:
    judged = judge(hits(("q", 99), ("mate", 50), ("a", 9), ("b", 8)), TRUTH)
    assert judged.true.tolist() == [True, True]
    assert (roc1(judged), average_precision(judged)) == (1.0, 1.0)


def test_a_query_without_hits_counts_nothing() -> None:
    judged = judge([], TRUTH)
    found = figures(judged)
    assert math.isnan(found.pop("precision"))
    assert set(found.values()) == {0.0}


def test_the_first_false_hit_ends_roc1() -> None:
    judged = judge(hits(("a", 9), ("decoy", 5), ("b", 3)), TRUTH)
    assert roc1(judged) == 0.5
    assert average_precision(judged) == pytest.approx((1 + 2 / 3) / 2)


def test_ties_are_no_gain() -> None:
    judged = judge(hits(("a", 5), ("decoy", 5), ("b", 5)), TRUTH)
    assert judged.true.tolist() == [False, True, True]
    assert roc1(judged) == 0.0


def test_several_hits_to_one_target_count_once() -> None:
    judged = judge(hits(("a", 1), ("a", 9), ("decoy", 5), ("a", 7)), TRUTH)
    assert judged.true.tolist() == [True, False]
    assert judged.evalue[0] == pytest.approx(1e-9)


def test_recall_is_of_what_fits() -> None:
    truth = Truth("q", "F", frozenset(f"t{n}" for n in range(30)), frozenset({"q"}))
    judged = judge(hits(*((f"t{n}", 100.0 - n) for n in range(20))), truth)
    assert recall_at(judged, 10) == 1.0
    assert recall_at(judged, 100) == 20 / 30


def test_precision_recall_and_f1_at_an_evalue() -> None:
    judged = judge(hits(("a", 9), ("decoy", 4), ("b", 2)), TRUTH)
    precision, recall, f1 = at_evalue(judged, 1e-3)
    assert (precision, recall, f1) == (0.5, 0.5, 0.5)
    strict = at_evalue(judged, 1e-20)
    assert math.isnan(strict[0])
    assert strict[1:] == (0.0, 0.0)


def test_without_evalues_there_is_no_precision() -> None:
    judged = judge([RankedHit("q", "a", "+", 1.0, math.nan)], TRUTH)
    assert all(math.isnan(value) for value in at_evalue(judged, 1e-3))


RANKINGS = st.lists(st.tuples(st.sampled_from([*TARGETS, "d1", "d2", "d3"]), st.integers(0, 4)), max_size=20)


@given(RANKINGS)
def test_against_a_slow_count(rows: list[tuple[str, int]]) -> None:
    judged = judge(hits(*((t, float(s)) for t, s in rows)), TRUTH)
    best: dict[str, int] = {}
    for target, score in rows:
        if target not in ("q", "mate"):
            best[target] = max(score, best.get(target, -1))
    # The rank of a true target in the worst order of ties: everything false with its score or more stands before it.
    false = [score for target, score in best.items() if target not in "ab"]
    true = sorted((score for target, score in best.items() if target in "ab"), reverse=True)
    assert roc1(judged) == sum(score > max(false, default=-1) for score in true) / 2
    precisions = [(n + 1) / (n + 1 + sum(other >= score for other in false)) for n, score in enumerate(true)]
    assert average_precision(judged) == pytest.approx(sum(precisions) / 2)
    for k in (1, 2, 3, 10):
        ranks = [n + 1 + sum(other >= score for other in false) for n, score in enumerate(true)]
        assert recall_at(judged, k) == sum(rank <= k for rank in ranks) / min(2, k)


@given(RANKINGS)
def test_no_figure_depends_on_the_order_of_the_rows(rows: list[tuple[str, int]]) -> None:
    forward = figures(judge(hits(*((t, float(s)) for t, s in rows)), TRUTH))
    backward = figures(judge(hits(*((t, float(s)) for t, s in rows[::-1])), TRUTH))
    np.testing.assert_equal(forward, backward)


def test_the_interval_resamples_families_with_all_their_queries() -> None:
    values = np.array([1.0] * 50 + [0.0])
    one = interval(values, ["big"] * 50 + ["small"])
    each = interval(values, [str(n) for n in range(51)])
    # Two families: a resampling holds both, or one of them twice.
    assert one == (0.0, 1.0)
    assert 0.9 < each[0] < each[1] == 1.0


def test_the_interval_covers_the_mean_of_a_known_population() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        values = rng.random(40)
        low, high = interval(values, [str(n) for n in range(40)], seed=trial, samples=500)
        covered += low <= 0.5 <= high
    assert 175 <= covered <= 200


def test_nan_is_left_out_of_means_and_intervals() -> None:
    values = np.array([np.nan, 0.25, 0.25])
    assert mean(values) == 0.25
    assert interval(values, ["a", "b", "c"]) == (0.25, 0.25)
    assert math.isnan(mean(np.array([np.nan])))
    assert all(math.isnan(bound) for bound in interval(np.array([np.nan]), ["a"]))
