"""``hits.tblout``: all hits in the columns of Infernal's tables (``cmsearch --tblout``, format 1).

The column ``mdl`` says whose bits a row shows, as in Infernal's own: ``cm`` or ``hmm``. Model positions are those of
the query; the accession of a target is that of its family in Rfam, where that is known. What a name begins with: a
target's ``#`` would make its row a comment, and is written as ``%23``.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import ArtefactError, InputError
from rhoma.hits import format_evalue, sort_hits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rhoma.hits import Hit

# title, least width, whether cells stand at the left
_COLUMNS = (
    ("target name", 20, True),
    ("accession", 9, True),
    ("query name", 20, True),
    ("accession", 9, True),
    ("mdl", 3, False),
    ("mdl from", 8, False),
    ("mdl to", 8, False),
    ("seq from", 8, False),
    ("seq to", 8, False),
    ("strand", 6, False),
    ("trunc", 5, False),
    ("pass", 4, False),
    ("gc", 4, False),
    ("bias", 5, False),
    ("score", 6, False),
    ("E-value", 9, False),
    ("inc", 3, True),
    ("description of target", 21, True),
)
_ACCESSION, _QUERY = 1, 2
# what tells a row from all others: target, query, ends and strand
_place = itemgetter(0, 2, 7, 8, 9)
# Infernal's numbers of the passes of its pipeline: the standard one, and that of a profile alone
_PASSES = {"cm": "1", "hmm": "6"}


def _cells(hit: Hit, evalue: float) -> tuple[str, ...]:
    model = "cm" if hit.source == "cm" else "hmm"
    ends = (hit.tend, hit.tstart) if hit.strand == "-" else (hit.tstart, hit.tend)
    return (
        f"%23{hit.target[1:]}" if hit.target.startswith("#") else hit.target,
        "-",
        hit.query,
        "-",
        model,
        str(hit.qstart),
        str(hit.qend),
        *map(str, ends),
        hit.strand,
        "no" if model == "cm" else "-",
        _PASSES[model],
        f"{hit.gc:.2f}",
        "0.0",
        f"{hit.bits:.1f}",
        format_evalue(hit.evalue),
        "!" if hit.evalue <= evalue else "?",
        "-",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.ljust(width) if left else cell.rjust(width)
        for cell, width, (_, _, left) in zip(cells, widths, _COLUMNS, strict=True)
    )
    return " ".join(padded).rstrip()


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Writes rows under Infernal's two lines of header, each column as wide as its widest cell."""
    widths = [max([least, *(len(row[n]) for row in rows)]) for n, (_, least, _) in enumerate(_COLUMNS)]
    # the first sign of a header is the comment's
    titles = [title[: width - (n == 0)] for n, ((title, _, _), width) in enumerate(zip(_COLUMNS, widths, strict=True))]
    header = _line(["#" + titles[0], *titles[1:]], widths)
    rule = "#" + " ".join("-" * width for width in widths)[1:]
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8") as handle:
        handle.writelines(f"{line}\n" for line in (header, rule))
        handle.writelines(f"{_line(row, widths)}\n" for row in rows)


def write_tblout(path: Path, hits: Iterable[Hit], *, evalue: float) -> None:
    """Writes the table of hits, in the order of :func:`rhoma.hits.sort_hits`.

    Args:
        path: The file.
        hits: Hits with bits.
        evalue: Those up to this E-value are marked as included (``!``).
    """
    _write(path, [_cells(hit, evalue) for hit in sort_hits(hits)])


def merge_tblout(
    paths: Iterable[Path], out: Path, hits: Iterable[Hit] = (), accessions: Mapping[str, str] | None = None
) -> None:
    """Writes several tables, of different queries, as one that is sorted by query.

    Args:
        paths: Tables of :func:`write_tblout`.
        out: The file.
        hits: Those of the tables, with what is known of their families since.
        accessions: Rfam's accessions by family; they become those of the targets.

    Raises:
        InputError: A table is missing.
        ArtefactError: A row has another number of cells.
    """
    named = ((hit, (accessions or {}).get(hit.family)) for hit in hits)
    known = {_place(_cells(hit, 0)): accession for hit, accession in named if accession}
    rows = []
    for path in paths:
        if not path.is_file():
            raise InputError("no such file", path=path, remedy="run 'query search' again")
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
            if not line or line.startswith("#"):
                continue
            # names hold no blanks, other white space may be part of them
            cells = [cell for cell in line.split(" ") if cell]
            if len(cells) != len(_COLUMNS):
                raise ArtefactError(f"line {number} has {len(cells)} cells", path=path, remedy="write it again")
            cells[_ACCESSION] = known.get(_place(cells), cells[_ACCESSION])
            rows.append(cells)
    rows.sort(key=lambda row: row[_QUERY])
    _write(out, rows)
