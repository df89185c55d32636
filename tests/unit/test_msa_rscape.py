"""R-scape's table, and its place beside our own test; a stand-in program writes what the real one writes."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma.alignment import Alignment
from rhoma.errors import ToolError
from rhoma.msa.build import BuildConfig, build
from rhoma.msa.covariation import MOST_COLUMNS, covariation, format_covariation
from rhoma.msa.rscape import PROGRAM, disagreement, parse_cov, rscape_pairs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULE = "#" + "-" * 90 + "\n"
HEAD = (
    "#\n# Method Target_E-val [cov_min,cov_max] [FP | TP True Found | Sen PPV F] \n"
    "# GTp    0.05         [-9.95,80.38]     [1 | 2 22 3 | 9.09 66.67 16.00] \n#\n"
)
# the three forms of R-scape's source (src/covariation.c), with tabs and widths as it prints them
WITH_PVALUE = (
    HEAD
    + "# #tests = 22 (base pairs) 780 (others)\n"
    + "# in_given  left_pos       right_pos        score      E-value          pvalue      substitutions      power\n"
    + RULE
    + "*\t         1\t        40\t80.37853\t2.15392e-12\t9.79054e-14\t32\t\t0.78\n"
    + "c~\t         2\t        39\t72.12266\t5.45655e-11\t2.48025e-12\t22\t\t0.66\n"
    + " \t        12\t        25\t21.10188\t0.0177879\t0.000808543\t7\t\t0.24\n"
)
WITH_POWER = (
    HEAD
    + "#       left_pos       right_pos        score          E-value       substitutions      power\n"
    + RULE
    + "*\t         1\t        40\t80.37853\t2.15392e-12\t32\t\t0.78\n"
    + "**\t         2\t        39\t72.12266\t5.45655e-11\t22\t\t0.66\n"
    + " \t        12\t        25\t21.10188\t0.0177879\t7\t\t0.24\n"
)
OLDER = (
    HEAD
    + "#       left_pos       right_pos        score   E-value\n"
    + RULE
    + "*\t         1\t        40\t80.38\t2.15392e-12\n"
    + "~\t         2\t        39\t72.12\t5.45655e-11\n"
    + " \t        12\t        25\t21.10\t0.0177879\n"
)
FOUND = {(0, 39): 2.15392e-12, (1, 38): 5.45655e-11, (11, 24): 0.0177879}


@pytest.mark.parametrize("text", [WITH_PVALUE, WITH_POWER, OLDER])
def test_pairs_are_read_by_column(text: str) -> None:
    assert parse_cov(text) == FOUND


def test_no_pair_is_an_answer() -> None:
    assert parse_cov(HEAD + RULE + "no significant pairs\n") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WITH_POWER.replace("        40\t", "        xx\t"), "line 7 of its table is no pair"),
        (WITH_POWER.replace("left_pos", "position"), "no header names its columns"),
        (WITH_POWER + "*\t  3\n", "line 10 of its table"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ToolError, match=said):
        parse_cov(text)


def helix(rows: int, stem: int, middle: str = "") -> Alignment:
    """Returns rows whose outer columns pair and change together, around letters that are the same or random."""
    rng = np.random.default_rng(4)
    pairs = ("GC", "CG", "AU", "UA")
    made = []
    for _ in range(rows):
        chosen = [pairs[n] for n in rng.integers(4, size=stem)]
        loop = middle or "".join(rng.choice(list("ACGU"), 40 - 2 * stem))
        made.append("".join(p[0] for p in chosen) + loop + "".join(p[1] for p in chosen[::-1]))
    names = tuple(f"r{n}" for n in range(rows))
    return Alignment(names, tuple(made), "(" * stem + "." * (40 - 2 * stem) + ")" * stem)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a program on PATH that writes a table, and keeps its arguments and its input."""

    def install(table: str, status: int = 0) -> Path:
        place = tmp_path / "bin"
        place.mkdir()
        (place / "table").write_text(table)
        program = place / PROGRAM
        program.write_text(
            f'#!/bin/sh\necho "$@" > {place}/arguments\nfor last; do :; done\ncp "$last" {place}/input\n'
            f"cp {place}/table out/rows.cov\ncp {place}/table out/rows.sorted.cov\n"
            f"echo no tree >&2\nexit {status}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
        return place

    return install


def test_the_program_gets_the_rows_and_its_table_is_read(installed: Callable[..., Path]) -> None:
    place = installed(WITH_PVALUE)
    assert rscape_pairs(helix(30, 6)) == FOUND
    arguments = (place / "arguments").read_text().split()
    assert arguments[:2] == ["-E", "0.05"]
    assert "--nofigures" in arguments
    given = (place / "input").read_text()
    assert given.startswith("# STOCKHOLM 1.0")
    assert given.count("\ns") == 30
    assert "#=GC SS_cons" in given


def test_it_is_not_asked_of_too_little_or_too_much(installed: Callable[..., Path]) -> None:
    installed(WITH_PVALUE)
    assert rscape_pairs(Alignment(("a", "b"), ("ACGU", "ACGA"), "....")) is None
    wide = "A" * (MOST_COLUMNS + 1)
    assert rscape_pairs(Alignment(tuple("abc"), (wide,) * 3, "." * len(wide))) is None


def test_without_it_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert rscape_pairs(helix(30, 6)) is None


def test_its_pairs_are_in_the_table() -> None:
    alignment = helix(60, 6)
    pairs = covariation(alignment, rscape=FOUND)
    assert {(p.left, p.right): p.rscape for p in pairs if p.rscape is not None} == FOUND
    lines = [line.split("\t") for line in format_covariation(pairs, alignment).splitlines()]
    assert lines[0][-1] == "rscape"
    assert {len(line) for line in lines} == {len(lines[0])}
    assert ["12", "25", "1.78e-02"] in [[line[0], line[1], line[-1]] for line in lines]
    assert {line[-1] for line in lines[1:]} > {"", "2.15e-12"}


def test_disagreement_counts_base_pairs_alone() -> None:
    assert disagreement({(0, 39): True, (1, 38): True}, FOUND) == ""
    assert disagreement({}, FOUND) == ""
    said = disagreement({(0, 39): True, (1, 38): False, (2, 37): True, (3, 36): False}, FOUND)
    assert said == "R-scape agrees on 1 significant base pairs, not on 1 of ours, and has 1 others"


@pytest.mark.tool("cmbuild", "cmalign")
@pytest.mark.parametrize(("status", "said"), [(0, "R-scape agrees on"), (1, "R-scape: failed with exit status 1")])
def test_an_alignment_says_where_it_disagrees_and_stands_without_it(
    installed: Callable[..., Path], status: int, said: str
) -> None:
    alignment = helix(40, 6, "GGAUCCACUUCGGAAUCACGUUAGCAGA").with_lines(rf="x" * 40)
    plain = build(alignment, BuildConfig(aligner="cm"), name="x")
    installed(HEAD + RULE + "no significant pairs\n", status)
    built = build(alignment, BuildConfig(aligner="cm"), name="x")
    assert any(text.startswith(said) for text in built.warnings)
    assert built.covariation == plain.covariation
