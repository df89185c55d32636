"""The floor: cosine of tf-idf weighted 7-mers of windows, both strands."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from rhoma.evaluate.ranking import Answer, RankedHit, measured
from rhoma.io.fasta import read_fasta
from rhoma.kmers import KmerVectors
from rhoma.sequences import reverse_complement
from rhoma.windows import tile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rhoma.evaluate.methods.base import Task
    from rhoma.sequences import Record

WINDOW, STRIDE = 128, 64
# Windows that a window of the query meets.
_MOST = 1000


class Kmer:
    """The best window of each target by the cosine of 7-mers to any window of the query."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def build(self) -> list[Path]:
        """Returns the FASTA file, whose windows are counted."""
        records, _ = read_fasta(self._task.targets, skip="short")
        table = tile([len(record.sequence) for record in records], WINDOW, STRIDE)
        spans = zip(table.sequence.tolist(), table.start.tolist(), table.end.tolist(), strict=True)
        self._vectors = KmerVectors.of([records[number].sequence[start:end] for number, start, end in spans])
        self._names = [records[number].id for number in table.sequence.tolist()]
        return [self._task.targets]

    def search(self, queries: Sequence[Record]) -> Iterator[Answer]:
        """Yields the targets of each query, scored by cosine."""
        for query in queries:
            with measured() as cost:
                best: dict[str, tuple[float, str]] = {}
                for strand, letters in (("+", query.sequence), ("-", reverse_complement(query.sequence))):
                    table = tile([len(letters)], WINDOW, STRIDE)
                    spans = zip(table.start.tolist(), table.end.tolist(), strict=True)
                    for cosines in self._vectors.cosines([letters[start:end] for start, end in spans]):
                        near = np.argsort(-cosines, kind="stable")[:_MOST]
                        for row in near[cosines[near] > 0].tolist():
                            name = self._names[row]
                            best[name] = max(best.get(name, (-1.0, strand)), (float(cosines[row]), strand))
                hits = [RankedHit(query.id, name, strand, score, np.nan) for name, (score, strand) in best.items()]
            yield Answer(query.id, hits, cost)

    def version(self) -> str:
        """Returns the version of rhoma."""
        return f"rhoma {version('rhoma')}"
