from __future__ import annotations

import numpy as np
import pytest

from rhoma import infernal
from rhoma.alignment import Alignment
from rhoma.io.stockholm import format_stockholm, parse_stockholm
from rhoma.msa.covariation import CovaryingPair, covariation
from rhoma.msa.pseudoknots import crossing_helices, with_pseudoknots
from rhoma.structure import pair_table

PAIRS = ("GC", "CG", "AU", "UA")
#            first stem, half of the second, its other half behind the first
STRUCTURE = "..((((((..........))))))..........."
SECOND = [(10 + n, 32 - n) for n in range(5)]


def knotted(rows: int, seed: int, *, paired: bool = True) -> Alignment:
    """Returns rows with two stems that cross, whose pairs change together; unless ``paired`` the second's do not."""
    rng = np.random.default_rng(seed)
    stems = pair_table(STRUCTURE) + (SECOND if paired else [])
    made = []
    for _ in range(rows):
        row = list(rng.choice(list("ACGU"), len(STRUCTURE)))
        for left, right in stems:
            row[left], row[right] = PAIRS[rng.integers(4)]
        made.append("".join(row))
    return Alignment(tuple(f"s{n}" for n in range(rows)), tuple(made), STRUCTURE, "x" * len(STRUCTURE))


def test_a_crossing_helix_that_covaries_is_found() -> None:
    alignment = knotted(80, 1)
    helices = crossing_helices(alignment, covariation(alignment))
    assert len(helices) == 1
    assert set(SECOND) <= set(helices[0])
    written = with_pseudoknots(alignment, helices)
    assert written.lines["SS_cons_1"].count("<") == written.lines["SS_cons_1"].count(">") == len(helices[0])
    assert pair_table(written.ss_cons) == pair_table(STRUCTURE)
    assert pair_table(written.lines["SS_cons_1"]) == helices[0]
    assert written.ss_cons[10:15] == "AAAAA"
    assert written.ss_cons[28:33] == "aaaaa"


@pytest.mark.parametrize("seed", range(5))
def test_without_covariation_there_is_none(seed: int) -> None:
    alignment = knotted(80, seed, paired=False)
    helices = crossing_helices(alignment, covariation(alignment))
    assert helices == []
    assert with_pseudoknots(alignment, helices) == alignment


def pair(left: int, right: int, evalue: float) -> CovaryingPair:
    return CovaryingPair(left, right, False, 100.0, evalue, 10, 0.5)


def test_pairs_above_the_evalue_or_alone_or_nested_are_none() -> None:
    alignment = knotted(80, 1)
    assert crossing_helices(alignment, [pair(11, 31, 0.06)]) == []
    assert [len(helix) >= 5 for helix in crossing_helices(alignment, [pair(11, 31, 0.04)])] == [True]
    alone = Alignment(("a", "b"), ("GGACCACACCAAAACACAAACCUUCACAACAAACC",) * 2, STRUCTURE)
    assert crossing_helices(alone, [pair(11, 31, 1e-6)]) == []
    # within a loop of the structure a pair crosses nothing
    assert crossing_helices(alignment, [pair(8, 17, 1e-6)]) == []


def test_helices_that_cross_each_other_stand_in_lines_of_their_own() -> None:
    alignment = Alignment(("a",), ("A" * 20,), "." * 20)
    helices = [[(0, 8), (1, 7)], [(3, 12), (4, 11)], [(14, 19), (15, 18)]]
    written = with_pseudoknots(alignment, helices)
    assert written.ss_cons == "AA.BB..aa..bb.CC..cc"
    assert written.lines == {"SS_cons_1": "<<.....>>.....<<..>>", "SS_cons_2": "...<<......>>......."}


@pytest.mark.tool("cmbuild")
def test_infernal_reads_what_is_written_and_makes_the_same_model() -> None:
    alignment = knotted(60, 2)
    written = with_pseudoknots(alignment, crossing_helices(alignment, covariation(alignment)))
    assert "A" in written.ss_cons
    read = parse_stockholm(format_stockholm(written))
    assert (read.ss_cons, read.lines) == (written.ss_cons, written.lines)
    plain, knots = (infernal.build(a, name="m").split("\n") for a in (alignment, written))
    # the text names the structure, and a check sum of the alignment; all else is the same
    assert [line for line in knots if not line.startswith("CKSUM")] == [
        line for line in plain if not line.startswith("CKSUM")
    ]
