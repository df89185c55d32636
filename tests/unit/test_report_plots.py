from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.hits import Hit
from rhoma.report.plots import (
    MOST_BARS,
    MOST_POINTS,
    coordinate_plot,
    evalue_class,
    score_plot,
    ticks,
)


def hit(target: str, evalue: float, qstart: int = 1, qend: int = 50, source: str = "profile") -> Hit:
    return Hit("q", target, "+", qstart, qend, 1, 50, 50, 0.5, math.nan, 0.0, 20.0, evalue, source)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


@pytest.mark.parametrize(
    ("evalue", "name"),
    [(0.0, "e0"), (1e-30, "e0"), (1.1e-30, "e1"), (1e-10, "e1"), (1e-6, "e2"), (1e-3, "e3"), (0.5, "e4")],
)
def test_classes_of_evalues(evalue: float, name: str) -> None:
    assert evalue_class(evalue) == name


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_round_within_and_not_too_many(low: float, width: float, count: int) -> None:
    marks = ticks(low, low + width, count)
    assert len(marks) <= count + 2
    slack = 1e-6 * (abs(low) + width)
    assert all(low - slack <= mark <= low + width + slack for mark in marks)
    steps = [b - a for a, b in zip(marks, marks[1:], strict=False)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-6, abs_tol=slack) for step in steps)


def test_ticks_of_a_known_range() -> None:
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]


def test_every_hit_is_a_point_and_better_is_higher() -> None:
    root = parsed(score_plot([hit("a", 1e-20), hit("b", 1e-5), hit("c", 2.0, source="vector")], evalue=1e-3))
    circles = list(root.iter("circle"))
    assert [circle.get("class") for circle in circles] == ["e1", "e2", "e4"]
    heights = [float(circle.get("cy", "")) for circle in circles]
    assert heights == sorted(heights)
    assert "1. a (profile) E 1.00e-20" in [circle.findtext("title") for circle in circles]


def test_underflowed_evalues_are_drawn() -> None:
    root = parsed(score_plot([hit("a", 0.0)], evalue=1e-3))
    (circle,) = root.iter("circle")
    assert float(circle.get("cy", "")) == pytest.approx(14.0)


def test_bars_lie_where_the_hits_are() -> None:
    root = parsed(coordinate_plot([hit("a", 1e-9, 1, 50), hit("b", 1e-5, 51, 100)], 100, [2] * 50 + [1] * 50))
    first, second = root.iter("rect")
    assert float(first.get("x", "")) == pytest.approx(46)
    assert float(second.get("x", "")) == pytest.approx(46 + 582 / 2)
    assert float(second.get("x", "")) + float(second.get("width", "")) == pytest.approx(628)


def test_plots_are_bounded() -> None:
    many = [hit(f"t{i}", 10.0**-i) for i in range(5 * MOST_POINTS)]
    assert len(list(parsed(score_plot(many, evalue=1e-3)).iter("circle"))) == MOST_POINTS
    plot = coordinate_plot(many, 30_000, [i % 7 for i in range(30_000)])
    assert len(list(parsed(plot).iter("rect"))) == MOST_BARS
    assert len(plot) < 50_000


def test_nothing_to_show_is_no_plot() -> None:
    assert score_plot([], evalue=1e-3) == ""
    assert coordinate_plot([], 100, []) == ""
    assert coordinate_plot([], 0, []) == ""
    assert "area" in coordinate_plot([], 100, [1] * 100)


def test_names_are_escaped() -> None:
    nasty = "</title><script>alert(1)</script>"
    for plot in (score_plot([hit(nasty, 1e-9)], evalue=1), coordinate_plot([hit(nasty, 1e-9)], 50, [])):
        assert "<script>" not in plot
        assert nasty in "".join(parsed(plot).itertext())
