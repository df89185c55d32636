"""Homologs made whole: the ends that a local alignment leaves out, taken from the database.

A profile's local alignment stops where the score stops growing, often inside the outermost helix. Without its other
half that helix is lost to the consensus structure. So the letters beside a hit are placed, without gaps, in the columns
of the query that the hit leaves empty at its ends, and the covariance model then aligns them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from rhoma.alignment import Alignment, parse_region, ungapped
from rhoma.msa.homologs import Homolog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # (target, 0-based start, end exclusive, strand) to the letters as that strand reads, cut at the target's ends.
    Fetch = Callable[[str, int, int, str], str]

LONGEST = 40


def _free(filled: Sequence[int], row: str) -> tuple[Sequence[int], Sequence[int]]:
    """Returns the query's columns before the first and behind the last letter of a row."""
    first, last = len(row) - len(row.lstrip("-")), len(row.rstrip("-")) - 1
    return filled[: bisect_left(filled, first)], filled[bisect_right(filled, last) :]


def _around(fetch: Fetch, name: str, before: int, after: int) -> tuple[str, str, str]:
    """Returns the letters before and behind a region as its strand reads, and the name of the longer region."""
    region = parse_region(name)
    if region is None:
        return "", "", name
    target, start, end = region
    if start <= end:
        left = fetch(target, max(0, start - 1 - before), start - 1, "+") if before else ""
        right = fetch(target, end, end + after, "+") if after else ""
        return left, right, f"{target}/{start - len(left)}-{end + len(right)}"
    left = fetch(target, start, start + before, "-") if before else ""
    right = fetch(target, max(0, end - 1 - after), end - 1, "-") if after else ""
    return left, right, f"{target}/{start + len(left)}-{end - len(right)}"


def extend_ends(
    alignment: Alignment, homologs: Sequence[Homolog], fetch: Fetch, *, longest: int = LONGEST
) -> tuple[Alignment, list[Homolog]]:
    """Returns the alignment and the homologs with the letters beside each hit, up to the query's ends.

    An end that lacks more than ``longest`` positions stays as it is: such a homolog is a part of the query.

    Args:
        alignment: the query, then the homologs in their order.
        homologs: its rows.
        fetch: letters of the database.
        longest: most letters to add at an end.
    """
    query = alignment.rows[0]
    filled = [column for column, letter in enumerate(query) if letter != "-"]
    rows, longer = [query], []
    for row, homolog in zip(alignment.rows[1:], homologs, strict=True):
        before, after = (columns if len(columns) <= longest else [] for columns in _free(filled, row))
        left, right, name = _around(fetch, homolog.name, len(before), len(after))
        letters = list(row)
        for column, letter in zip(before[len(before) - len(left) :], left, strict=True):
            letters[column] = letter
        for column, letter in zip(after[: len(right)], right, strict=True):
            letters[column] = letter
        rows.append("".join(letters))
        longer.append(Homolog(name, ungapped(rows[-1]), homolog.hit))
    return Alignment((alignment.names[0], *(h.name for h in longer)), tuple(rows)), longer
