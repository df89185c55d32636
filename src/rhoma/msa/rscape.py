"""R-scape beside our own test, where it is installed: which pairs of an alignment it calls significant.

R-scape (Rivas, Clements and Eddy 2017, Nature Methods 14:45) is run as the one-set test of all pairs, which is what
:mod:`rhoma.msa.covariation` does, on the same rows and columns. Its table ``.cov`` (version 2, as its source writes it:
https://github.com/EddyRivasLab/R-scape, src/covariation.c) has a line a significant pair: a mark of what the given
structure says of it or none, both columns from 1, score, E-value, in later releases the P-value, substitutions, power.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.alignment import Alignment
from rhoma.errors import ToolError
from rhoma.io.stockholm import format_stockholm
from rhoma.msa.covariation import MOST_COLUMNS, SIGNIFICANT, tested_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = "R-scape"
_SECONDS = 600.0
_HEADER = ("left_pos", "right_pos", "score", "E-value")


def rscape_pairs(alignment: Alignment) -> dict[tuple[int, int], float] | None:
    """Returns the E-values of the pairs (left, right) of columns from 0 that R-scape calls significant.

    None where R-scape is not on PATH, or the alignment has less than three rows or more columns than are tested.

    Args:
        alignment: With ``ss_cons``, nested pairs alone; the rows that our own test reads are tested.

    Raises:
        ToolError: R-scape has failed, has run past ten minutes or has written no table that can be read.
    """
    if shutil.which(PROGRAM) is None or len(alignment.rows) < 3 or alignment.columns > MOST_COLUMNS:
        return None
    rows = tuple(tested_rows(alignment.rows))
    names = tuple(f"s{number}" for number in range(len(rows)))
    with tempfile.TemporaryDirectory(prefix="rhoma-rscape-") as place:
        work = Path(place)
        (work / "out").mkdir()
        text = format_stockholm(Alignment(names, rows, alignment.ss_cons))
        (work / "rows.sto").write_text(text, encoding="utf-8")
        options = f"-E {SIGNIFICANT:g} --gapthresh 0.5 --nofigures --outdir out --outname rows".split()
        tools.run([PROGRAM, *options, "rows.sto"], cwd=work, timeout=_SECONDS)
        # beside it are the same sorted, and those of a structure of R-scape's own
        tables = [path for path in (work / "out").glob("*.cov") if path.name.count(".") == 1]
        if len(tables) != 1:
            remedy = "install version 2, or take it off PATH"
            raise ToolError(PROGRAM, f"has written {len(tables)} tables .cov in place of one", remedy=remedy)
        return parse_cov(tables[0].read_text(encoding="utf-8"))


def parse_cov(text: str) -> dict[tuple[int, int], float]:
    """Returns the E-values of the pairs of a table ``.cov``, by their columns from 0.

    Raises:
        ToolError: It is no such table; the line is named.
    """
    known, found = False, {}
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.split()
        if line.startswith("#"):
            known |= tuple(cell for cell in cells if cell not in ("#", "in_given"))[: len(_HEADER)] == _HEADER
            continue
        if not cells or line.startswith("no significant pairs"):
            continue
        # a pair that the structure does not hold may have no mark
        figures = cells if cells[0].isdigit() else cells[1:]
        try:
            if not known:
                raise ValueError("no header names its columns")
            left, right, evalue = int(figures[0]) - 1, int(figures[1]) - 1, float(figures[3])
        except (ValueError, IndexError) as error:
            problem = f"line {number} of its table is no pair: {line.strip()[:80]!r} ({error})"
            raise ToolError(PROGRAM, problem, remedy="install version 2, or take it off PATH") from error
        found[left, right] = evalue
    return found


def disagreement(ours: Mapping[tuple[int, int], bool], theirs: Mapping[tuple[int, int], float]) -> str:
    """Returns what to say where R-scape and our own test call different base pairs significant; empty where not.

    Args:
        ours: Base pairs of the structure, and whether our test calls them significant.
        theirs: What R-scape calls significant.
    """
    agreed = sum(significant and pair in theirs for pair, significant in ours.items())
    own = sum(ours.values()) - agreed
    other = sum(pair in theirs for pair in ours) - agreed
    if not own and not other:
        return ""
    return f"R-scape agrees on {agreed} significant base pairs, not on {own} of ours, and has {other} others"
