"""nhmmer, one pass and iterated: E <= 100, both strands; later models come from hits with E <= 1e-3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.evaluate.ranking import Answer, RankedHit, measured
from rhoma.io.fasta import write_fasta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task
    from rhoma.sequences import Record

_INCLUSION = 1e-3


class Nhmmer:
    """One ``nhmmer`` a query and round; option ``rounds`` (default 1).

    Rounds end early when the set of included regions is the one before. The model of a later round is built
    from the alignment of the included hits, as jackhmmer does for proteins.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._rounds = int(task.options.get("rounds", 1))

    def build(self) -> list[Path]:
        """Returns the FASTA file, which is searched as it is."""
        tools.require("nhmmer")
        return [self._task.targets]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the hits of each query, scored in bits."""
        for query in queries:
            with measured() as cost:
                hits = self._one(query)
            yield Answer(query.id, hits, cost)

    def _one(self, query: Record) -> list[RankedHit]:
        work = self._task.work
        source, kind = work / "query.fa", "fasta"
        write_fasta(source, [query])
        hits: list[RankedHit] = []
        included: set[str] = set()
        for number in range(self._rounds):
            table, alignment = work / "hits.tbl", work / f"round{number % 2}.sto"
            options: list[str | Path] = ["--noali", "--rna", "-E", "100", "--incE", str(_INCLUSION)]
            options += ["--cpu", str(self._task.threads), "--qformat", kind, "--tformat", "fasta"]
            options += [
                "--seed",
                str(self._task.seed),
                "--tblout",
                table,
                "-A",
                alignment,
                "-o",
                work / "out",
            ]
            tools.run(["nhmmer", *options, source, self._task.targets])
            hits = read_table(table, query.id)
            rows = stockholm_names(alignment)
            if not rows or rows == included:
                break
            included, source, kind = rows, alignment, "stockholm"
        return hits

    def version(self) -> str:
        """Returns the version of HMMER."""
        return tools.version("nhmmer")


def read_table(path: Path, query: str) -> list[RankedHit]:
    """Returns the hits of nhmmer's ``--tblout``."""
    hits = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            cells = line.split()
            hits.append(RankedHit(query, cells[0], cells[11], float(cells[13]), float(cells[12])))
    return hits


def stockholm_names(path: Path) -> set[str]:
    """Returns the names of the rows of a Stockholm file; none where there is no file."""
    if not path.is_file():
        return set()
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if line.strip() and not line.startswith(("#", "//"))}
