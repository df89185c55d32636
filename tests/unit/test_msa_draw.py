from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from rhoma.alignment import Alignment
from rhoma.msa import draw
from rhoma.msa.draw import PAIR_COLOURS, SIGNIFICANT_RIM, conservation, draw_structure

SVG = "{http://www.w3.org/2000/svg}"
HAIRPIN = Alignment(("q", "a", "b"), ("AGGCGAAAGCCA", "AGACGAAAGUCA", "AGGCGAAAGCUA"), ".(((....))).", "A" * 12)


def drawn(alignment: Alignment, title: str = "t") -> ET.Element:
    return ET.fromstring(draw_structure(alignment, title=title))


def letters(root: ET.Element) -> str:
    return "".join(text.text or "" for text in root.iter(f"{SVG}text") if len(text.text or "") == 1)


def test_a_hairpin_has_its_letters_circles_and_pairs() -> None:
    root = drawn(HAIRPIN)
    assert letters(root).startswith("AGGCGAAAGCCA")
    assert len(list(root.iter(f"{SVG}circle"))) == 12
    colours = [path.get("stroke") for path in root.iter(f"{SVG}path")]
    # one path and one stroke in the legend for each kind of pair
    assert colours.count(PAIR_COLOURS["covarying"]) == 2
    assert colours.count(PAIR_COLOURS["compatible"]) == 2
    assert colours.count(PAIR_COLOURS["conserved"]) == 2


def test_pairs_that_covary_significantly_have_a_rim() -> None:
    rims = [path.get("stroke") for path in drawn(HAIRPIN).iter(f"{SVG}path")].count(SIGNIFICANT_RIM)
    assert rims == 0
    marked = replace(HAIRPIN, lines={"cov": "..2......2.."})
    paths = list(drawn(marked).iter(f"{SVG}path"))
    # the pair's, under its colour, and the legend's
    assert [path.get("stroke") for path in paths].count(SIGNIFICANT_RIM) == 2
    under = next(path for path in paths if path.get("stroke") == SIGNIFICANT_RIM)
    over = paths[paths.index(under) + 1]
    assert (over.get("d"), over.get("stroke")) == (under.get("d"), PAIR_COLOURS["covarying"])
    assert "covaries significantly" in draw_structure(marked, title="t")


def test_nothing_lies_outside_the_frame() -> None:
    root = drawn(HAIRPIN)
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for circle in root.iter(f"{SVG}circle"):
        assert 0 < float(circle.get("cx", "")) < width
        assert 0 < float(circle.get("cy", "")) < height


def test_pairs_are_close_and_letters_do_not_overlap() -> None:
    line = "." * 40 + "(((((....(((...)))..(((....)))..)))))" + "." * 30
    points = draw._layout(line)
    assert points.shape == (len(line), 2)
    assert points.min() == 0.0
    gaps = [math.dist(a, b) for i, a in enumerate(points) for b in points[i + 1 :]]
    assert min(gaps) > 12.5
    assert math.dist(points[40], points[76]) == pytest.approx(21.7, abs=0.1)


def test_a_query_without_pairs_is_drawn_in_lines() -> None:
    single = Alignment(("q",), ("ACGU" * 30,), "." * 120, "ACGU" * 30)
    root = drawn(single)
    rows = {circle.get("cy") for circle in root.iter(f"{SVG}circle")}
    assert len(rows) == 3
    assert len(list(root.iter(f"{SVG}circle"))) == 120


def test_the_query_alone_claims_no_evidence() -> None:
    root = drawn(Alignment(("q",), ("GGGCGAAAGCCC",), "((((....))))", "GGGCGAAAGCCC"))
    colours = {path.get("stroke") for path in root.iter(f"{SVG}path")} - {"#d5d8dc"}
    assert colours == {PAIR_COLOURS["unknown"]}
    fills = {circle.get("fill") for circle in root.iter(f"{SVG}circle")}
    assert fills == {"#ffffff"}


def test_a_long_query_gets_a_strip() -> None:
    long = Alignment(("q", "a"), ("A" * 3001, "A" * 1500 + "C" * 1501), "." * 3001, "A" * 3001)
    root = drawn(long)
    bars = [float(bar.get("height", "")) for bar in root.iter(f"{SVG}rect")]
    assert len(bars) == 800
    assert bars[0] == 60.0
    assert bars[-1] == 30.0


def test_titles_are_escaped() -> None:
    text = draw_structure(HAIRPIN, title="<script>&\"'")
    assert "<script>" not in text
    assert ET.fromstring(text).findtext(f"{SVG}title") == "<script>&\"'"


def test_conservation_counts_rows_with_the_querys_letter() -> None:
    shares = conservation(("AC-G", "AU-G", "A-AC"))
    np.testing.assert_allclose(shares, [1, 1 / 3, 2 / 3])


def test_the_same_alignment_gives_the_same_bytes() -> None:
    assert draw_structure(HAIRPIN, title="t") == draw_structure(HAIRPIN, title="t")
