"""Near copies: sequences that another one can stand for in a search, found by MMseqs2.

A near copy has at least 90 % equal letters in its alignment with the representative, on the same strand, which
covers 80 % of both; and no more of its letters than a given number lie outside the alignment, so that nothing
which has a window of its own is hidden. Both conditions are checked in the alignment of each near copy with its
representative: clustering (linclust) only proposes representatives, and takes reverse complements for copies.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhoma import tools
from rhoma.io.fasta import write_fasta
from rhoma.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

IDENTITY = 0.9
COVERAGE = 0.8
# Longer sequences stand for themselves: MMseqs2 cuts them up at 65,535, and a tenth of one is more than an RNA.
LONGEST = 10_000
# linclust is asked again about what it joined wrongly
_ROUNDS = 3
_COLUMNS = "query,target,nident,alnlen,qstart,qend,qlen,tstart,tend,tlen,cigar"
_ALIGNED = re.compile(r"(\d+)M")
# prefilter tables of 4^k entries: 16 MiB where that suffices
_SMALL = 20_000_000
_SMALL_K = 11


def near_copies(
    sequences: Sequence[str], *, unaligned: int, threads: int = 1, work: Path | None = None
) -> NDArray[np.int64]:
    """Returns (n,) the number of the representative of each sequence; its own for one that stands for itself.

    Args:
        sequences: different sequences.
        unaligned: most letters of a near copy outside its alignment.
        threads: for MMseqs2.
        work: where to make a temporary directory; the system's place by default.

    Raises:
        ToolError: MMseqs2 is missing or has failed.
    """
    representative = np.arange(len(sequences), dtype=np.int64)
    pending = [number for number, sequence in enumerate(sequences) if len(sequence) <= LONGEST]
    for _ in range(_ROUNDS):
        if len(pending) < 2:
            break
        centres = _centres(sequences, pending, threads, work)
        others = sorted(set(pending) - set(centres))
        if not others:
            break
        found = assign(
            [sequences[number] for number in others],
            [sequences[number] for number in centres],
            unaligned=unaligned,
            threads=threads,
            work=work,
        )
        for number, place in zip(others, found.tolist(), strict=True):
            if place >= 0:
                representative[number] = centres[place]
        pending = [number for number, place in zip(others, found.tolist(), strict=True) if place < 0]
    return representative


def assign(
    sequences: Sequence[str], targets: Sequence[str], *, unaligned: int, threads: int = 1, work: Path | None = None
) -> NDArray[np.int64]:
    """Returns (n,) the number of the target that each sequence is a near copy of, the most alike; -1 for none.

    Args:
        sequences: what may be near copies.
        targets: what may stand for them.
        unaligned: most letters of a near copy outside its alignment.
        threads: for MMseqs2.
        work: where to make a temporary directory.

    Raises:
        ToolError: MMseqs2 is missing or has failed.
    """
    found = np.full(len(sequences), -1, dtype=np.int64)
    short = [number for number, sequence in enumerate(sequences) if len(sequence) <= LONGEST]
    usable = [number for number, target in enumerate(targets) if len(target) <= LONGEST]
    if not short or not usable:
        return found
    with tempfile.TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        _write(folder / "sequences.fasta", sequences, short)
        _write(folder / "targets.fasta", targets, usable)
        size = sum(len(targets[number]) for number in usable)
        command = ["mmseqs", "easy-search", "sequences.fasta", "targets.fasta", "found.tsv", "tmp"]
        command += ["--search-type", "3", "--strand", "1", "-a", "--format-output", _COLUMNS, "-e", "inf"]
        command += ["--min-seq-id", str(IDENTITY), "-c", str(COVERAGE), "--cov-mode", "0", "--mask", "0"]
        command += ["-k", str(_SMALL_K)] if size < _SMALL else []
        tools.run([*command, "--threads", str(threads), "-v", "1"], cwd=folder)
        best: dict[int, tuple[int, int]] = {}
        with open(folder / "found.tsv", encoding="ascii") as table:
            for line in table:
                query, target, equal = _near(line, unaligned)
                if query >= 0:
                    best[query] = max(best.get(query, (-1, 0)), (equal, -target))
    for query, (_, target) in best.items():
        found[query] = -target
    return found


def _near(line: str, unaligned: int) -> tuple[int, int, int]:
    """Returns query, target and equal letters of a line of MMseqs2's table; -1 where it is no near copy."""
    *cells, cigar = line.rstrip("\n").split("\t")
    query, target, equal, columns, qstart, qend, qlen, tstart, tend, tlen = map(int, cells)
    aligned = sum(map(int, _ALIGNED.findall(cigar)))
    near = (
        qstart <= qend
        and tstart <= tend
        and equal >= IDENTITY * columns
        and qend - qstart + 1 >= COVERAGE * qlen
        and tend - tstart + 1 >= COVERAGE * tlen
        and qlen - aligned <= unaligned
    )
    return (query, target, equal) if near else (-1, -1, 0)


def _centres(sequences: Sequence[str], numbers: Sequence[int], threads: int, work: Path | None) -> list[int]:
    """Returns the representatives that linclust chooses among some sequences, ascending."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        _write(folder / "sequences.fasta", sequences, numbers)
        command = ["mmseqs", "easy-linclust", "sequences.fasta", "found", "tmp", "--dbtype", "2"]
        command += ["--min-seq-id", str(IDENTITY), "-c", str(COVERAGE), "--cov-mode", "0"]
        tools.run([*command, "--threads", str(threads), "-v", "1"], cwd=folder)
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        with open(folder / "found_cluster.tsv", encoding="ascii") as table:
            return sorted({int(line.split("\t", 1)[0]) for line in table})


def _write(path: Path, sequences: Sequence[str], numbers: Iterable[int]) -> None:
    write_fasta(path, (Record(str(number), "", sequences[number]) for number in numbers), width=None)
