from __future__ import annotations

import pytest

from rhoma.alignment import Alignment, ungapped
from rhoma.msa.join import join


def test_insertions_share_columns() -> None:
    first = Alignment(("q", "a"), ("-AC-G", "UACUG"), ".(.).", ".xx.x")
    other = Alignment(("b", "c"), ("ACAAG--", "-C--GUU"), rf="xx..x..")
    made = join([first, other])
    assert made.names == ("q", "a", "b", "c")
    assert [ungapped(row) for row in made.rows] == ["ACG", "UACUG", "ACAAG", "CGUU"]
    assert made.rows == ("-AC--G--", "UACU-G--", "-ACAAG--", "--C--GUU")
    assert made.rf == ".xx..x.."


def test_one_alignment_joined_stays() -> None:
    alone = Alignment(("q",), ("ACGU",), "(..)", "ACGU")
    assert join([alone]) == alone


def test_other_models_are_refused() -> None:
    with pytest.raises(ValueError, match="not to one model"):
        join([Alignment(("q",), ("ACG",), rf="xxx"), Alignment(("a",), ("AC",), rf="xx")])
