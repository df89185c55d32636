"""Covariance models of the query (ViennaRNA, Infernal) and what they find in regions.

``cmsearch`` wants a calibrated model, and calibration takes longer than the search. Bit scores need none, so
the parameters of a calibrated model are written into the file, and E-values come from :func:`log_evalue`
here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhoma import tools

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Those of Infernal's example model of tRNA; they only make cmsearch run.
_CALIBRATION = """\
ECMLC    0.79302    -4.21089     2.90112     1600000      337752  0.003553
ECMGC    0.38490   -15.21245    -3.62397     1600000       34609  0.011558
ECMLI    0.64537    -4.35897     4.09652     1600000      281252  0.004267
ECMGI    0.41538   -11.77572    -1.10020     1600000       33721  0.011862
"""
# Local Inside scores of Infernal's calibrated example models (tRNA, Vault, snR75, plant SRP): slope 0.57 to
# 0.71, and 20 bits or more 0.0006 to 0.04 times in 1.6 million nucleotides. The cautious end of both.
_SLOPE = 0.6
_RATE_AT_20_BITS = 0.05 / 1.6e6
_VOLATILE = re.compile(r"^(DATE|COM)\b.*\n", re.MULTILINE)
# A search space this small (in Mb) leaves cmsearch's own filters wide open.
_FILTER_MB = "1"


@dataclass(frozen=True, slots=True)
class CmHit:
    """One hit of a covariance model.

    Attributes:
        name: Name of the sequence.
        start: First position, 0-based.
        end: End, exclusive.
        first: First model position, 0-based.
        last: End on the model, exclusive.
        bits: Bit score.
        line: The line of Infernal's table.
    """

    name: str
    start: int
    end: int
    first: int
    last: int
    bits: float
    line: str


def log_evalue(bits: float, residues: float) -> float:
    """Returns the natural logarithm of the E-value of a CM's bit score.

    Args:
        bits: Local Inside score.
        residues: Nucleotides searched in the whole database, both strands counted.
    """
    return math.log(max(residues, 1.0) * _RATE_AT_20_BITS) - _SLOPE * (bits - 20.0)


def bits_at(evalue: float, residues: float) -> float:
    """Returns the bit score that has this E-value; the inverse of :func:`log_evalue`."""
    return 20.0 + (math.log(max(residues, 1.0) * _RATE_AT_20_BITS) - math.log(evalue)) / _SLOPE


def fold(sequence: str) -> str:
    """Returns the minimum free energy structure of a sequence in dot-bracket notation (ViennaRNA)."""
    import RNA

    structure: str = RNA.fold_compound(sequence).mfe()[0]
    return structure


def fold_alignment(rows: Sequence[str]) -> str:
    """Returns the consensus structure of aligned rows (gaps as ``-``) in dot-bracket notation."""
    import RNA

    RNA.cvar.ribo = 1
    structure: str = RNA.fold_compound(list(rows)).mfe()[0]
    return structure


def build(rows: Sequence[str], structure: str, out: Path, *, name: str, timeout: float | None = None) -> None:
    """Writes the covariance model of aligned rows with a structure; columns of the first row are the model's.

    Args:
        rows: Aligned rows, gaps as ``-``; the first is the query.
        structure: Dot-bracket, one sign a column.
        out: The model file; an alignment of the same name with ``.sto`` is written beside it.
        name: Name of the model.
        timeout: Seconds after which cmbuild is given up.

    Raises:
        ToolError: When cmbuild is missing or fails.
    """
    lines = ["# STOCKHOLM 1.0", ""]
    lines += [f"s{number:<10} {row}" for number, row in enumerate(rows)]
    lines += [f"#=GC SS_cons {structure.replace('(', '<').replace(')', '>')}"]
    lines += ["#=GC RF      " + "".join("x" if c.isalpha() else "." for c in rows[0]), "//", ""]
    source = out.with_suffix(".sto")
    source.write_text("\n".join(lines))
    tools.run(["cmbuild", "-F", "--hand", "-n", name, str(out), str(source)], timeout=timeout)
    text = _VOLATILE.sub("", out.read_text())
    marker = re.search(r"^EFP7GF.*\n", text, re.MULTILINE)
    if marker is not None and "ECMLC" not in text:
        text = text[: marker.end()] + _CALIBRATION + text[marker.end() :]
    out.write_text(text)


def search(
    model: Path,
    sequences: Path,
    directory: Path,
    *,
    bits: float,
    alignment: Path | None = None,
    cpus: int = 0,
    timeout: float | None = None,
) -> list[CmHit]:
    """Returns what a model finds on the given strand of sequences, best first.

    Args:
        model: File of :func:`build`.
        sequences: FASTA.
        directory: Where the table of hits is written.
        bits: Lowest score.
        alignment: Where the alignment of the hits is written.
        cpus: Worker threads of cmsearch.
        timeout: Seconds after which cmsearch is given up.

    Raises:
        ToolError: When cmsearch is missing or fails.
    """
    table = directory / "cmsearch.tblout"
    command = ["cmsearch", "--toponly", "--noali", "--cpu", str(cpus), "-Z", _FILTER_MB]
    command += [
        "-T",
        str(bits),
        "--incT",
        str(bits),
        "--tblout",
        str(table),
        "-o",
        str(directory / "cmsearch.out"),
    ]
    if alignment is not None:
        command += ["-A", str(alignment)]
    tools.run([*command, str(model), str(sequences)], timeout=timeout)
    hits = [_parse(line) for line in table.read_text().splitlines() if line and not line.startswith("#")]
    return sorted(hits, key=lambda h: (-h.bits, h.name, h.start))


def _parse(line: str) -> CmHit:
    cells = line.split()
    return CmHit(
        name=cells[0],
        start=int(cells[7]) - 1,
        end=int(cells[8]),
        first=int(cells[5]) - 1,
        last=int(cells[6]),
        bits=float(cells[14]),
        line=line,
    )
