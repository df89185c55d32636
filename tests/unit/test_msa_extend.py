from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from rhoma.alignment import Alignment, parse_region, ungapped
from rhoma.hits import Hit
from rhoma.msa.extend import extend_ends
from rhoma.msa.homologs import Homolog
from rhoma.sequences import reverse_complement

TARGET = "GGGACGUACGUUUCC"


def fetch(target: str, start: int, end: int, strand: str) -> str:
    assert target == "t"
    assert start >= 0
    letters = TARGET[start:end]
    return letters if strand == "+" else reverse_complement(letters)


def homolog(name: str, row: str) -> Homolog:
    region = parse_region(name)
    assert region is not None
    low, high = sorted(region[1:])
    strand = "+" if region[1] <= region[2] else "-"
    hit = Hit("q", "t", strand, 1, 9, low, high, 9, 0.5, math.nan, 9.0, 30.0, 1e-9, "profile")
    return Homolog(name, ungapped(row), hit)


def extended(query: str, name: str, row: str, longest: int = 40) -> tuple[str, str, str]:
    start = Alignment(("q", name), (query, row))
    alignment, (longer,) = extend_ends(start, [homolog(name, row)], fetch, longest=longest)
    assert alignment.rows[0] == query
    assert alignment.names == ("q", longer.name)
    assert longer.sequence == ungapped(alignment.rows[1])
    return alignment.names[1], alignment.rows[1], longer.sequence


def test_both_ends_come_from_the_target() -> None:
    assert extended("AAACGUAAA", "t/4-7", "---ACGU--") == ("t/1-9", "GGGACGUAC", "GGGACGUAC")


def test_insertions_stay_empty() -> None:
    assert extended("A-AACGUA-A", "t/4-7", "---ACGU---")[1] == "G-GACGUA-C"[:3] + "ACGUA-C"


def test_the_targets_ends_are_the_limit() -> None:
    assert extended("AAAACGUAAAAAAAAAAAA", "t/2-5", "----GGAC-----------")[1] == "---GGGACGUACGUUUCC--"[:19]


def test_the_minus_strand_is_read_backwards() -> None:
    row = "--" + reverse_complement(TARGET[7:11]) + "---"
    name, aligned, _ = extended("CCAACGCCC", "t/11-8", row)
    assert name == "t/13-5"
    assert aligned == reverse_complement(TARGET[4:13])


def test_a_part_of_the_query_stays_a_part() -> None:
    assert extended("AAACGUAAA", "t/4-7", "---ACGU--", longest=2) == ("t/4-9", "---ACGUAC", "ACGUAC")


@given(st.integers(0, 8), st.integers(1, 6), st.integers(0, 6), st.booleans())
def test_the_new_row_is_the_named_region_of_the_target(left: int, size: int, start: int, minus: bool) -> None:
    query = "A" * 20
    begin, end = start, min(start + size, len(TARGET))
    letters = fetch("t", begin, end, "-" if minus else "+")
    name = f"t/{end}-{begin + 1}" if minus and end - begin > 1 else f"t/{begin + 1}-{end}"
    if end - begin == 1:
        letters = TARGET[begin:end]
    row = "-" * left + letters + "-" * (20 - left - len(letters))
    longer, _, sequence = extended(query, name, row)
    region = parse_region(longer)
    assert region is not None
    _, first, last = region
    assert sequence == fetch("t", min(first, last) - 1, max(first, last), "-" if first > last else "+")
    assert ungapped(row) in sequence
