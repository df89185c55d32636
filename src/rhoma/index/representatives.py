"""Near copies: sequences that another one can stand for in a search, found by MMseqs2.

A near copy has at least 90 % equal letters in its alignment with the representative, on the same strand, which
covers 80 % of both; and no more of its letters than a given number lie outside the alignment, so that nothing
which has a window of its own is hidden. Both conditions are checked in the alignment of each near copy with its
representative.

Representatives are proposed by :mod:`rhoma.index.sketches`. MMseqs2's own linear clustering is not asked: it breaks
ties at random, so that two runs differ, and takes reverse complements for copies.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhoma import tools
from rhoma.index.sketches import Sketches
from rhoma.io.fasta import write_fasta
from rhoma.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

IDENTITY = 0.9
COVERAGE = 0.8
# Longer sequences stand for themselves: MMseqs2 cuts them up at 65,535, and a tenth of one is more than an RNA.
LONGEST = 10_000
# Sequences whose representative turns out not to be like them are asked again.
_ROUNDS = 5
_COLUMNS = "query,target,nident,alnlen,qstart,qend,qlen,tstart,tend,tlen,cigar"
_ALIGNED = re.compile(r"(\d+)M")
# Lengths of MMseqs2's k-mers. Its table takes 8 * 4^k bytes whatever it holds: 9 GB with k = 15, its own choice.
_SHORTEST_K, _LONGEST_K = 11, 15
# letters for each entry of the table, from which on k grows
_LETTERS_AN_ENTRY = 4


def near_copies(
    sequences: Sequence[str],
    *,
    unaligned: int,
    identity: float = IDENTITY,
    coverage: float = COVERAGE,
    threads: int = 1,
    work: Path | None = None,
) -> NDArray[np.int64]:
    """Returns (n,) the number of the representative of each sequence; its own for one that stands for itself.

    Args:
        sequences: different sequences.
        unaligned: most letters of a near copy outside its alignment.
        identity: smallest share of equal letters in the alignment.
        coverage: smallest share of both sequences in the alignment.
        threads: for MMseqs2; the result is the same for any number.
        work: where to make a temporary directory; the system's place by default.

    Raises:
        ToolError: MMseqs2 is missing or has failed.
    """
    search = _Search(unaligned, identity, coverage, threads, work)
    representative = np.arange(len(sequences), dtype=np.int64)
    pending = [number for number, sequence in enumerate(sequences) if len(sequence) <= LONGEST]
    sketches = Sketches([sequence if len(sequence) <= LONGEST else "" for sequence in sequences])
    for _ in range(_ROUNDS):
        if len(pending) < 2:
            break
        centres = _centres(sketches, pending, identity)
        others = sorted(set(pending) - set(centres))
        if not others:
            break
        best = search.best(sequences, others, sequences, centres)
        for number, centre in best.items():
            representative[number] = centre
        pending = [number for number in others if number not in best]
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
    search = _Search(unaligned, IDENTITY, COVERAGE, threads, work)
    for number, target in search.best(sequences, short, targets, usable).items():
        found[number] = target
    return found


@dataclass(frozen=True)
class _Search:
    """Looks for near copies; the fields are those of `near_copies`."""

    unaligned: int
    identity: float
    coverage: float
    threads: int
    work: Path | None

    def best(
        self, sequences: Sequence[str], numbers: Sequence[int], targets: Sequence[str], usable: Sequence[int]
    ) -> dict[int, int]:
        """Returns number -> the target that it is a near copy of, the most alike, the first among equals."""
        found: dict[int, tuple[int, int]] = {}
        for query, target, equal in self.pairs(sequences, numbers, targets, usable):
            found[query] = max(found.get(query, (-1, 0)), (equal, -target))
        return {query: -target for query, (_, target) in found.items()}

    def pairs(
        self,
        sequences: Sequence[str],
        numbers: Sequence[int],
        targets: Sequence[str],
        usable: Sequence[int],
    ) -> Iterator[tuple[int, int, int]]:
        """Yields (sequence, target that it is a near copy of, equal letters)."""
        if not numbers or not usable:
            return
        with tempfile.TemporaryDirectory(dir=self.work) as name:
            folder = Path(name)
            _write(folder / "sequences.fasta", sequences, numbers)
            _write(folder / "targets.fasta", targets, usable)
            size = sum(len(targets[number]) for number in usable)
            command = ["mmseqs", "easy-search", "sequences.fasta", "targets.fasta", "found.tsv", "tmp"]
            command += ["--search-type", "3", "--strand", "1", "-a", "--format-output", _COLUMNS, "-e", "inf"]
            command += ["--min-seq-id", str(self.identity), "-c", str(self.coverage), "--cov-mode", "0", "--mask", "0"]
            tools.run([*command, "-k", str(kmer_length(size)), "--threads", str(self.threads), "-v", "1"], cwd=folder)
            with open(folder / "found.tsv", encoding="ascii") as table:
                for line in table:
                    if (pair := self._near(line)) is not None:
                        yield pair

    def _near(self, line: str) -> tuple[int, int, int] | None:
        """Returns query, target and equal letters of a line of MMseqs2's table; None where it is no near copy."""
        *cells, cigar = line.rstrip("\n").split("\t")
        query, target, equal, columns, qstart, qend, qlen, tstart, tend, tlen = map(int, cells)
        aligned = sum(map(int, _ALIGNED.findall(cigar)))
        near = (
            qstart <= qend
            and tstart <= tend
            and equal >= self.identity * columns
            and qend - qstart + 1 >= self.coverage * qlen
            and tend - tstart + 1 >= self.coverage * tlen
            and qlen - aligned <= self.unaligned
        )
        return (query, target, equal) if near else None


def kmer_length(letters: int) -> int:
    """Returns the length of the k-mers by which MMseqs2 looks into so many letters: their table is not much larger."""
    longest = _SHORTEST_K
    while longest < _LONGEST_K and letters > _LETTERS_AN_ENTRY * 4**longest:
        longest += 1
    return longest


def _centres(sketches: Sketches, numbers: Sequence[int], identity: float) -> list[int]:
    """Returns those of some sequences that are linked to no longer one but by what is linked itself, ascending."""
    left = np.array(numbers, dtype=np.int64)
    while len(left) > 1:
        linked = sketches.links(left, identity)
        stays = linked == np.arange(len(left))
        # what is linked to a sequence that is no centre itself may find another centre in the next turn
        stays |= ~stays[linked]
        if stays.all():
            break
        left = left[stays]
    centres: list[int] = left.tolist()
    return centres


def _write(path: Path, sequences: Sequence[str], numbers: Iterable[int]) -> None:
    write_fasta(path, (Record(str(number), "", sequences[number]) for number in numbers), width=None)
