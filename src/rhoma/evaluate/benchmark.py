"""The benchmark on disk: queries, databases and labels of one directory.

``queries.fasta``, ``queries.tsv`` (what is known of each query), ``labels.tsv`` (id, family, clan of
everything that is no decoy), ``components.tsv`` (family, component: which families the split relates, see
:mod:`rhoma.evaluate.splits`; none in a benchmark of own sequences), ``<database>/targets.fasta`` for every
database, ``seeds/<family>.sto`` (reference alignments) and ``dataset.json``, written last.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from rhoma.errors import InputError
from rhoma.evaluate.metrics import Truth, truth_of
from rhoma.io.fasta import read_fasta
from rhoma.io.hits import read_labels

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.sequences import Record

SCHEMA = 2
PLAIN, FLANKED, DECOYS, OWN = "plain", "flanked", "decoys", "own"


@dataclass(frozen=True, slots=True)
class QueryInfo:
    """What is known of a query.

    Attributes:
        query: its id.
        family: its family.
        clan: its clan, or empty.
        size: size class of the family.
        type: Rfam's type of the family.
        identity: class of the mean pairwise identity of the family's seed alignment.
        length: nucleotides.
    """

    query: str
    family: str
    clan: str
    size: str
    type: str
    identity: str
    length: int


class Benchmark:
    """A benchmark directory, open for reading.

    Args:
        path: the directory.

    Raises:
        InputError: it is none, or one of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.settings: dict[str, Any] = json.loads((path / "dataset.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            remedy = "make one with 'evaluate dataset'"
            raise InputError("is no benchmark directory", path=path, remedy=remedy) from None
        if self.settings.get("schema_version") != SCHEMA:
            raise InputError(
                "is a benchmark of another version of rhoma", path=path, remedy="make it anew with 'evaluate dataset'"
            )
        self.databases: list[str] = self.settings["databases"]
        self.infos = read_queries(path / "queries.tsv")
        self.labels = read_labels(path / "labels.tsv")
        self.component_of = _read_components(path / "components.tsv")

    def queries(self) -> list[Record]:
        """Returns the queries."""
        return read_fasta(self.path / "queries.fasta", skip="short")[0]

    def targets(self, database: str) -> Path:
        """Returns the FASTA file of a database.

        Raises:
            InputError: there is no database of that name.
        """
        if database not in self.databases:
            raise InputError(f"has no database {database!r}, only {', '.join(self.databases)}", path=self.path)
        return self.path / database / "targets.fasta"

    def target_names(self, database: str) -> list[str]:
        """Returns the ids of a database in the file's order."""
        with open(self.targets(database), encoding="ascii") as handle:
            return [line[1:].split()[0] for line in handle if line.startswith(">")]

    def truths(self, database: str) -> dict[str, Truth]:
        """Returns query -> truth for the queries that have another member of their family in the database."""
        names = self.target_names(database)
        found = {info.query: truth_of(info.query, self.labels, names, self.component_of) for info in self.infos}
        return {query: truth for query, truth in found.items() if truth.positives}


def write_queries(path: Path, infos: list[QueryInfo]) -> None:
    """Writes ``queries.tsv``."""
    names = [field.name for field in fields(QueryInfo)]
    rows = ["\t".join(names), *("\t".join(str(v) for v in asdict(info).values()) for info in infos)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def read_queries(path: Path) -> list[QueryInfo]:
    """Returns the rows of ``queries.tsv``.

    Raises:
        InputError: the file is missing or has another header.
    """
    if not path.is_file():
        raise InputError("no such file", path=path)
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0].split("\t") != [field.name for field in fields(QueryInfo)]:
        raise InputError("is no table of queries", path=path)
    rows = [line.split("\t") for line in lines[1:]]
    return [QueryInfo(q, f, c, s, t, i, int(n)) for q, f, c, s, t, i, n in rows]


def _read_components(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines[1:])
