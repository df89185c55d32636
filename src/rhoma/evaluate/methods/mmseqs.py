"""MMseqs2 nucleotide search: ``-k 7 -s 7.5``, both strands, all queries in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.evaluate.ranking import Answer, Cost, RankedHit, measured
from rhoma.io.fasta import write_fasta
from rhoma.sequences import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task

_OPTIONS = (
    "--search-type",
    "3",
    "--strand",
    "2",
    "-k",
    "7",
    "-s",
    "7.5",
    "-e",
    "1000",
    "--max-seqs",
    "10000",
)
_COLUMNS = "query,target,bits,evalue,qstart,qend,tstart,tend"


class Mmseqs:
    """One ``mmseqs search`` of all queries; each query's time is its share of it."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._database = task.work / "db"

    def build(self) -> list[Path]:
        """Returns the database's directory."""
        self._database.mkdir()
        # As DNA: MMseqs2 guesses the alphabet from the letters and may take RNA for protein.
        source = self._task.work / "targets.fa"
        text = self._task.targets.read_text(encoding="ascii")
        lines = (line if line.startswith(">") else line.replace("U", "T") for line in text.splitlines())
        source.write_text("\n".join(lines) + "\n", encoding="ascii")
        tools.run(["mmseqs", "createdb", source, self._database / "db", "--dbtype", "2", "-v", "1"])
        return [self._database]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the hits of each query, scored in bits."""
        work = self._task.work
        with measured() as cost:
            dna = [Record(query.id, "", query.sequence.replace("U", "T")) for query in queries]
            write_fasta(work / "queries.fa", dna)
            places: list[str | Path] = [work / "queries.fa", self._database / "db", work / "m8", work / "tmp"]
            options = [
                *_OPTIONS,
                "--format-output",
                _COLUMNS,
                "--threads",
                str(self._task.threads),
                "-v",
                "1",
            ]
            tools.run(["mmseqs", "easy-search", *places, *options])
            found: dict[str, list[RankedHit]] = {query.id: [] for query in queries}
            for line in (work / "m8").read_text(encoding="ascii").splitlines():
                query, target, bits, evalue, *ends = line.split("\t")
                first, last, start, end = map(int, ends)
                strand = "+" if (first <= last) == (start <= end) else "-"
                found[query].append(RankedHit(query, target, strand, float(bits), float(evalue)))
        share = Cost(cost.wall / len(queries), cost.cpu / len(queries)) if queries else Cost()
        for query_record in queries:
            yield Answer(query_record.id, found[query_record.id], share)

    def version(self) -> str:
        """Returns the version of MMseqs2."""
        return f"MMseqs2 {tools.version('mmseqs')}"
