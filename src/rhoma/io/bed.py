"""BED of the hits: six columns, 0-based and half open, for genome browsers and interval tools.

Columns (https://samtools.github.io/hts-specs/BEDv1.pdf): target, start, end, query, score, strand. The score is minus
ten times the decimal logarithm of the E-value, between 0 and 1000: 30 stands for an E-value of 0.001.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.hits import sort_by_place

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rhoma.hits import Hit

# Readers take a line that begins so for a comment or a setting, whatever follows; % is what is read back.
_MARKED = re.compile(r"#|%|track|browser")
_LARGEST = 1000


def _chrom(name: str) -> str:
    return f"%{ord(name[0]):02X}{name[1:]}" if _MARKED.match(name) else name


def _score(evalue: float) -> int:
    if evalue <= 0:
        return _LARGEST
    return min(_LARGEST, round(-10 * math.log10(evalue))) if evalue < 1 else 0


def _line(hit: Hit) -> str:
    cells = (_chrom(hit.target), hit.tstart - 1, hit.tend, hit.query, _score(hit.evalue), hit.strand)
    return "\t".join(map(str, cells))


def write_bed(path: Path, hits: Iterable[Hit]) -> None:
    """Writes the hits as BED6, sorted by target and position, without a header.

    The first character of a target's name that begins with ``#``, ``%``, ``track`` or ``browser`` is written as
    ``%XX``.

    Args:
        path: the file.
        hits: in any order.
    """
    with atomic_write(path) as partial:
        partial.write_text("".join(f"{_line(hit)}\n" for hit in sort_by_place(hits)), encoding="utf-8")
