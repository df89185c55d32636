from __future__ import annotations

import html
import re
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from rhoma.alignment import Alignment
from rhoma.report.alignment import MOST_COLUMNS, MOST_ROWS, alignment_view

ROWS = ("GGCAA-GCC", "GACAAUGUC", "GGCAA-GAC", "GGCA--GCU")
ALIGNMENT = Alignment(("q", "<a&b>/1-9", "c", "d"), ROWS, "(((...)))", "GGCAA.GCC", lines={"cov": ".2.....2."})


def blocks(view: str) -> list[list[str]]:
    """Returns the lines of the two blocks (names, rows), without tags."""
    found = re.findall(r"<pre[^>]*>(.*?)</pre>", view, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", block)).split("\n") for block in found]


class Balanced(HTMLParser):
    """Checks that what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_names_and_rows_stand_side_by_side() -> None:
    names, rows = blocks(alignment_view(ALIGNMENT))
    assert names == ["position", "structure", "covariation", *ALIGNMENT.names]
    assert rows == [" " * 9, "(((...)))", " *     * ", *ROWS]


def test_letters_that_change_a_pair_are_marked() -> None:
    view = alignment_view(ALIGNMENT)
    # the pair of columns 2 and 8 is G-C in the query, A-U in the second row, G-A in the third
    assert "G<b>A</b>CAAUG<b>U</b>C" in view
    assert "G<i>G</i>CAA-G<i>A</i>C" in view
    assert "<b>G</b>GCA--GC<b>U</b>" in view


def test_columns_have_the_colour_of_their_evidence() -> None:
    view = alignment_view(ALIGNMENT)
    stops = re.search(r"linear-gradient\(90deg,([^)]*)\)", view)
    assert stops is not None
    spans = [re.fullmatch(r"(\S+) (\d+)ch (\d+)ch", stop) for stop in stops[1].split(",")]
    assert all(spans)
    ends = [(int(span[2]), int(span[3])) for span in spans if span]
    assert ends[0][0] == 0
    assert ends[-1][1] == 9
    assert all(left[1] == right[0] for left, right in zip(ends, ends[1:], strict=False))
    assert [span[1] for span in spans if span and span[2] == "3"] == ["transparent"]


def test_every_tenth_position_of_the_query_is_numbered() -> None:
    row = "ACGU-" * 30
    _, rows = blocks(alignment_view(Alignment(("q", "a"), (row, row), "." * 150)))
    for found in re.finditer(r"\d+", rows[0]):
        letters = row[: found.end()].replace("-", "")
        assert len(letters) == int(found[0])
        assert row[found.end() - 1] != "-"
    assert len(re.findall(r"\d+", rows[0])) == 12


@st.composite
def alignments(draw: st.DrawFn) -> Alignment:
    columns = draw(st.integers(2, 40))
    row = st.text(alphabet="ACGUN-", min_size=columns, max_size=columns)
    rows = draw(st.lists(row, min_size=2, max_size=6))
    line = ["."] * columns
    left, right = 0, columns - 1
    while left < right and draw(st.booleans()):
        line[left], line[right] = "<", ">"
        left, right = left + 1, right - 1
    return Alignment(tuple(f"s{i}<&" for i in range(len(rows))), tuple(rows), "".join(line))


@settings(max_examples=60, deadline=None)
@given(alignments())
def test_what_is_shown_is_the_alignment(alignment: Alignment) -> None:
    view = alignment_view(alignment)
    parser = Balanced()
    parser.feed(view)
    parser.close()
    assert parser.open == []
    names, rows = blocks(view)
    assert tuple(names[2:]) == alignment.names
    assert tuple(rows[2:]) == alignment.rows
    assert rows[1] == alignment.ss_cons


def test_deep_and_wide_alignments_stay_small() -> None:
    deep = Alignment(tuple(f"s{i}" for i in range(5000)), ("GGGGAAAACCCC" * 10,) * 5000, "((((....))))" * 10)
    view = alignment_view(deep)
    assert len(blocks(view)[1]) == MOST_ROWS + 2
    assert len(view) < 60_000
    wide = "A" * (MOST_COLUMNS + 1)
    assert alignment_view(Alignment(("q", "a"), (wide, wide), "." * len(wide))) == ""
    assert alignment_view(Alignment(("q",), ("ACGU",), "....")) == ""
