"""``families.tsv``: the known families of queries and of their best hits, as the families' own models say.

One row a sequence that was asked about: the query (``target`` is empty) and then its best hits. Positions are 1-based,
inclusive, on the sequence as given. A sequence that no model scores at its gathering threshold has ``no known family``
in ``verdict``, and the cells before it are empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FAMILIES = "families.tsv"
UNKNOWN = "no known family"
_HEADER = ("query", "target", "strand", "start", "end", "family", "accession", "clan", "bits", "verdict")


@dataclass(frozen=True, slots=True)
class FamilyCall:
    """What the models of known families say of one sequence.

    Attributes:
        query: name of the query.
        target: name of the target whose hit was asked about; empty for the query itself.
        strand: the strand that matches; empty where no family is known, as all that follows.
        start: first position, 1-based; 0 likewise.
        end: last position, inclusive; 0 likewise.
        family: name of the family.
        accession: of the family, such as ``RF00005``.
        clan: of the family, where it is in one.
        bits: bit score of the family's model; 0 without a family.
    """

    query: str
    target: str = ""
    strand: str = ""
    start: int = 0
    end: int = 0
    family: str = ""
    accession: str = ""
    clan: str = ""
    bits: float = 0.0

    @property
    def verdict(self) -> str:
        """Returns the call in words."""
        if not self.family:
            return UNKNOWN
        clan = f"clan {self.clan}" if self.clan else ""
        parts = (self.family, self.accession, clan, "above the gathering cut-off")
        return ", ".join(part for part in parts if part)


def accessions_of(calls: Iterable[FamilyCall]) -> dict[str, str]:
    """Returns the accessions of the families that calls name, by the families' names."""
    return {call.family: call.accession for call in calls if call.accession}


def write_families(path: Path, calls: Iterable[FamilyCall]) -> None:
    """Writes the table, in the order given."""
    lines = ["\t".join(_HEADER)]
    for call in calls:
        place = (call.strand, str(call.start), str(call.end)) if call.family else ("", "", "")
        known = (call.family, call.accession, call.clan, f"{call.bits:.1f}" if call.family else "")
        lines.append("\t".join((call.query, call.target, *place, *known, call.verdict)))
    with atomic_write(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_families(path: Path) -> list[FamilyCall]:
    """Returns the rows of a table in file order.

    Raises:
        InputError: the file is missing or has other columns.
    """
    if not path.is_file():
        raise InputError("no such file", path=path, remedy="run 'query annotate' first")
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    rows = [tuple(line.split("\t")) for line in lines]
    if rows[:1] != [_HEADER] or any(len(row) != len(_HEADER) for row in rows):
        raise InputError(f"is no table of {', '.join(_HEADER)}", path=path, remedy="write it again")
    return [
        FamilyCall(query, target, strand, int(start or 0), int(end or 0), family, accession, clan, float(bits or 0))
        for query, target, strand, start, end, family, accession, clan, bits, _ in rows[1:]
    ]
