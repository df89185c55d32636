"""BLASTn: ``-task blastn -word_size 7``, E <= 1000, both strands."""

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

_OPTIONS = (
    *("-task", "blastn", "-word_size", "7", "-evalue", "1000"),
    *("-strand", "both", "-max_target_seqs", "100000"),
)


class Blastn:
    """One ``blastn`` a query."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._database = task.work / "db"

    def build(self) -> list[Path]:
        """Returns the database's directory."""
        self._database.mkdir()
        source: list[str | Path] = ["makeblastdb", "-in", self._task.targets, "-dbtype", "nucl"]
        tools.run([*source, "-out", self._database / "db"])
        return [self._database]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the hits of each query, scored in bits."""
        for query in queries:
            with measured() as cost:
                table = blast_table(self._task, self._database / "db", query, "sseqid sstrand bitscore evalue")
                hits = [
                    RankedHit(query.id, target, "+" if strand == "plus" else "-", float(bits), float(evalue))
                    for target, strand, bits, evalue in table
                ]
            yield Answer(query.id, hits, cost)

    def version(self) -> str:
        """Returns the version of blastn."""
        return tools.version("blastn")


def blast_table(task: Task, database: Path, query: Record, columns: str) -> list[list[str]]:
    """Returns the rows of blastn's table of one query.

    Args:
        task: for its directory and threads.
        database: made by ``makeblastdb``.
        query: the query.
        columns: as after ``-outfmt 6``.

    Raises:
        ToolError: blastn is missing or failed.
    """
    source = task.work / "query.fa"
    write_fasta(source, [query])
    places: list[str | Path] = ["blastn", "-query", source, "-db", database]
    done = tools.run([*places, *_OPTIONS, "-num_threads", str(task.threads), "-outfmt", f"6 {columns}"])
    return [line.split("\t") for line in done.stdout.splitlines()]
