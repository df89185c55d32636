"""Rfam in files: the families' table, the seed alignments and the member sequences of one directory.

The directory holds ``families.tsv`` (family, name, type, clan), ``seed.sto.gz`` (many Stockholm alignments
with ``#=GF AC/ID/TP/CL`` and ``#=GC SS_cons``) and ``members.fa.gz`` (``>id family``). Sequences are
upper-case RNA.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma.errors import InputError
from rhoma.io.fasta import fasta_entries
from rhoma.io.stockholm import stream_stockholm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rhoma.io.stockholm import Entry

FAMILIES = "families.tsv"
SEED = "seed.sto.gz"
MEMBERS = "members.fa.gz"

_COLUMNS = ["family", "name", "type", "clan"]
_REMEDY = "give a directory with families.tsv, seed.sto.gz and members.fa.gz"
_TO_RNA = str.maketrans("acgutnrywsmkbdhv", "ACGUUNRYWSMKBDHV", "")
_GAPS = str.maketrans("", "", "-.~_\n\t ")


@dataclass(frozen=True, slots=True)
class Family:
    """One line of the families' table.

    Attributes:
        accession: such as ``RF00005``.
        name: such as ``tRNA``.
        type: such as ``Gene; tRNA;``.
        clan: such as ``CL00001``; empty where the family is in none.
    """

    accession: str
    name: str
    type: str
    clan: str


@dataclass(slots=True)
class Seed:
    """A family's seed alignment.

    Attributes:
        accession: the family.
        rows: (id, aligned row) in the file's order, gaps as ``-``, letters upper-case RNA.
        structure: SS_cons in WUSS notation, one mark a column; all dots where the file has none.
        clan: the clan of the alignment's header, or empty.
    """

    accession: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    structure: str = ""
    clan: str = ""


def _file(directory: Path | str, name: str) -> Path:
    path = Path(directory) / name
    if not path.is_file():
        raise InputError("no such file", path=path, remedy=_REMEDY)
    return path


def _open(directory: Path | str, name: str) -> tuple[Path, Iterator[str]]:
    path = _file(directory, name)

    def lines() -> Iterator[str]:
        try:
            opener = gzip.open if name.endswith(".gz") else open
            with opener(path, "rt", encoding="utf-8", errors="replace") as handle:
                for line in handle:
                    yield line.rstrip("\r\n")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"is damaged or truncated ({error})", path=path, remedy="fetch it again") from None

    return path, lines()


def read_families(directory: Path | str) -> list[Family]:
    """Returns the families of ``families.tsv`` in the file's order.

    Raises:
        InputError: the file is missing, has another header, or a line with another number of columns.
    """
    path, lines = _open(directory, FAMILIES)
    header = next(lines, "").split("\t")
    if header != _COLUMNS:
        raise InputError(f"the first line is not {' '.join(_COLUMNS)!r}", path=path)
    families = []
    for number, line in enumerate(lines, start=2):
        cells = line.split("\t")
        if len(cells) != len(_COLUMNS):
            raise InputError(f"{len(cells)} columns where {len(_COLUMNS)} are due", path=path, record=number)
        families.append(Family(*(cell.strip() for cell in cells)))
    return families


def read_seed(directory: Path | str) -> list[Seed]:
    """Returns the seed alignments in the file's order.

    Raises:
        InputError: the file is missing or damaged, an alignment has no accession or rows of unequal length.
    """
    path, lines = _open(directory, SEED)
    return [_seed(entry, path) for entry in stream_stockholm(lines, path=path)]


def _seed(entry: Entry, path: Path) -> Seed:
    if "AC" not in entry.features:
        raise InputError("an alignment without accession (#=GF AC)", path=path)
    columns = len(next(iter(entry.rows.values()), ""))
    return Seed(
        entry.features["AC"].split()[0],
        list(entry.rows.items()),
        entry.columns.get("SS_cons", "." * columns),
        entry.features.get("CL", ""),
    )


def read_members(directory: Path | str) -> list[tuple[str, str, str]]:
    """Returns (id, family, sequence) of the member sequences in the file's order.

    Raises:
        InputError: the file is missing or damaged, or a header names no family.
    """
    path = _file(directory, MEMBERS)
    members = []
    for _, header, body in fasta_entries(path):
        words = header.decode("utf-8", errors="replace").split()
        if len(words) < 2:
            raise InputError("the header does not name a family", path=path, record=" ".join(words))
        members.append((words[0], words[1], _rna(body.decode("ascii", errors="replace"))))
    return members


def _rna(row: str) -> str:
    return row.translate(_TO_RNA).replace("T", "U").translate(_GAPS)


def read_sequences(directory: Path | str) -> dict[str, dict[str, str]]:
    """Returns family -> {id: sequence} of seed rows (without gaps) and members, families sorted.

    An exact copy of a sequence within its family is left out; a seed row stays before a member, the first
    before later ones.

    Raises:
        InputError: a file is missing or damaged.
    """
    found: dict[str, dict[str, str]] = {}
    seen: set[tuple[str, str]] = set()

    def take(family: str, name: str, sequence: str) -> None:
        if sequence and (family, sequence) not in seen:
            seen.add((family, sequence))
            found.setdefault(family, {}).setdefault(name, sequence)

    for seed in read_seed(directory):
        for name, row in seed.rows:
            take(seed.accession, name, _rna(row))
    for name, family, sequence in read_members(directory):
        take(family, name, sequence)
    return {family: found[family] for family in sorted(found)}


def read_clans(directory: Path | str) -> dict[str, str]:
    """Returns family -> clan for the families that have one, from the table and the alignments' headers.

    Raises:
        InputError: a file is missing or damaged.
    """
    clans = {family.accession: family.clan for family in read_families(directory) if family.clan}
    for seed in read_seed(directory):
        if seed.clan:
            clans.setdefault(seed.accession, seed.clan)
    return clans
