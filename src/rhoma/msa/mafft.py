"""MAFFT's aligners: L-INS-i, and X-INS-i where its structural part is installed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rhoma import tools
from rhoma.alignment import Alignment, ungapped
from rhoma.errors import InputError, ToolError
from rhoma.io.fasta import format_fasta

if TYPE_CHECKING:
    from collections.abc import Sequence

Method = Literal["linsi", "xinsi"]


def unaligned_fasta(names: Sequence[str], rows: Sequence[str]) -> str:
    """Returns the rows' letters as FASTA, for MAFFT; the order is what ties its output to ours."""
    return format_fasta(zip(names, map(ungapped, rows), strict=True))


def require_xinsi() -> str:
    """Returns the path of ``mafft-xinsi`` where it can run.

    Raises:
        ToolError: it, or the ``mxscarnamod`` that it needs, is missing.
    """
    remedy = (
        "build MAFFT with its extensions (make in the source's extensions/ directory installs mxscarnamod), "
        "or use the aligner 'cm' or 'linsi'"
    )
    program = shutil.which("mafft-xinsi")
    if program is None:
        raise ToolError("mafft-xinsi", "no such program on PATH", remedy=remedy)
    prefix = Path(program).resolve().parent.parent
    places = [Path(os.environ["MAFFT_BINARIES"])] if os.environ.get("MAFFT_BINARIES") else []
    places += [
        prefix / "libexec" / "mafft",
        prefix / "lib" / "mafft",
        prefix / "lib" / "mafft" / "lib" / "mafft",
    ]
    places += [prefix / "lib" / "mafft" / "mafft"]
    if shutil.which("mxscarnamod") is None and not any((place / "mxscarnamod").is_file() for place in places):
        raise ToolError("mafft-xinsi", "its program mxscarnamod is not installed", remedy=remedy)
    return program


def run_mafft(source: Path, method: Method, *, threads: int = 1) -> str:
    """Returns MAFFT's aligned FASTA of an unaligned FASTA file.

    Args:
        source: at least two sequences.
        method: ``linsi`` (``--localpair --maxiterate 1000``) or ``xinsi``.
        threads: for ``--thread``; the result is the same for any number.

    Raises:
        ToolError: the program is missing or has failed.
    """
    options = ["--thread", str(threads), "--threadit", "0", "--quiet", str(source)]
    if method == "xinsi":
        return tools.run([require_xinsi(), *options]).stdout
    return tools.run(["mafft", "--nuc", "--localpair", "--maxiterate", "1000", *options]).stdout


def parse_aligned(text: str, names: Sequence[str], rows: Sequence[str], *, path: Path | str) -> Alignment:
    """Returns aligned FASTA under our names, after a check that it holds our sequences in our order.

    Args:
        text: aligned FASTA.
        names: of the rows, the query first.
        rows: the rows that were written for MAFFT (their gaps do not count).
        path: what to call it in an error.

    Raises:
        InputError: it holds other sequences, or rows of different lengths.
    """
    parts = [chunk.partition("\n")[2] for chunk in ("\n" + text).split("\n>")[1:]]
    aligned = tuple("".join(part.split()).upper().replace("T", "U").replace(".", "-") for part in parts)
    if [ungapped(row) for row in aligned] != [ungapped(row) for row in rows]:
        raise InputError(
            "does not hold the query and its homologs in their order",
            path=path,
            remedy="align the files that 'align --prepare' writes, with the same options",
        )
    if len({len(row) for row in aligned}) != 1:
        raise InputError("has rows of different lengths", path=path, remedy="align it again")
    return Alignment(tuple(names), aligned)


def mafft_alignment(alignment: Alignment, method: Method, *, threads: int = 1) -> Alignment:
    """Returns MAFFT's alignment of the rows of another alignment.

    Args:
        alignment: the rows to align again.
        method: see :func:`run_mafft`.
        threads: see :func:`run_mafft`.
    """
    # Plain names: MAFFT cuts and rewrites some.
    plain = [f"s{i}" for i in range(len(alignment.rows))]
    with tempfile.TemporaryDirectory(prefix="rhoma-mafft-") as place:
        source = Path(place) / "rows.fa"
        source.write_text(unaligned_fasta(plain, alignment.rows), encoding="utf-8")
        text = run_mafft(source, method, threads=threads)
    return parse_aligned(text, alignment.names, alignment.rows, path="mafft")
