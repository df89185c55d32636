"""What makes the first alignment of the core, before the covariance model does; and which one ``auto`` is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Literal

from rhoma import tools
from rhoma.msa.mafft import require_xinsi
from rhoma.msa.structural import rows_within

Aligner = Literal["auto", "structural", "embed", "cm", "linsi", "xinsi"]
Chosen = Literal["structural", "embed", "cm", "linsi", "xinsi"]

# L-INS-i compares all pairs of rows: about a minute of a core at so many (rows x nucleotides) squared.
_MOST_CELLS = 4e9
# Folding longer rows takes too long, and of fewer rows the structural aligner learns too little of those that follow.
_LONGEST, _FEWEST_ROWS = 700, 12


@dataclass(frozen=True, slots=True)
class Choice:
    """An aligner and why it.

    Attributes:
        aligner: ``structural`` begins with :mod:`rhoma.msa.structural`, ``embed`` with :mod:`rhoma.msa.embedded`,
            ``cm`` with the profile's alignment, ``linsi`` and ``xinsi`` with MAFFT's.
        reason: In a few words.
    """

    aligner: Chosen
    reason: str


def choose_aligner(wanted: Aligner, *, rows: int, length: int) -> Choice:
    """Returns the aligner for the core of an alignment.

    Args:
        wanted: As the user says; ``auto`` is the structural aligner where the rows are short enough, then L-INS-i
            where it is installed and quick enough.
        rows: Rows of the core.
        length: Nucleotides of the longest row.
    """
    if wanted != "auto":
        return Choice(wanted, "asked for")
    if length <= _LONGEST and rows_within(length) >= min(rows, _FEWEST_ROWS):
        return Choice("structural", f"rows of up to {length} nt are short enough to be aligned by structure")
    if shutil.which("mafft") is None:
        return Choice("cm", "MAFFT is not installed")
    if float(rows * length) ** 2 > _MOST_CELLS:
        return Choice("cm", f"{rows} rows of {length} nt are too many for L-INS-i")
    return Choice("linsi", f"{rows} rows of {length} nt are few enough for L-INS-i")


def require(wanted: Aligner, *, calibrate: bool = False) -> None:
    """Checks that what an aligner needs is installed, and what calibrates the model where that is wanted.

    Raises:
        ToolError: It is not; the message names it.
    """
    for program in ("cmbuild", "cmalign", *(["cmcalibrate"] if calibrate else [])):
        tools.require(program)
    if wanted == "xinsi":
        require_xinsi()
    if wanted == "linsi":
        tools.require("mafft")
