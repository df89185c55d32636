"""Seconds of a search by the length of the query: random RNA with one homolog among random sequences.

Run: python benchmarks/length.py [LENGTH ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rhoma import SearchConfig, Searcher
from rhoma.index.build import index_database
from rhoma.io.fasta import write_fasta
from rhoma.models.embedder import load_embedder
from rhoma.msa.align import AlignConfig, align_batch
from rhoma.search.outputs import write_results
from rhoma.sequences import Record

LENGTHS = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000)
# Share of letters that are drawn anew in the homolog, and of those that are lost.
CHANGED, LOST = 0.2, 0.02
DECOYS, DECOY_LENGTH = 500, 400


def main() -> None:
    """Prints length, tiles, seconds of search and alignment, hits at E <= 1e-3 and the part of the query they cover."""
    lengths = [int(word) for word in sys.argv[1:]] or list(LENGTHS)
    rng = np.random.default_rng(1)
    letters = np.array(list("ACGU"))

    def random(length: int) -> str:
        return "".join(rng.choice(letters, length))

    queries = [Record(f"q{length}", "", random(length)) for length in lengths]
    database = [Record(f"decoy{number}", "", random(DECOY_LENGTH)) for number in range(DECOYS)]
    for query in queries:
        kept = np.array(list(query.sequence))[rng.random(len(query.sequence)) >= LOST]
        changed = rng.random(len(kept)) < CHANGED
        kept[changed] = rng.choice(letters, int(changed.sum()))
        database.append(Record(f"of_{query.id}", "", random(100) + "".join(kept) + random(100)))
    embedder = load_embedder(None, device="cpu", threads=1)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        index_database(database, embedder, work / "index", mmseqs=False)
        searcher = Searcher.open(work / "index", embedder=embedder)
        print("length\tsearch_s\talign_s\thits\tcovered")
        for query in queries:
            began = time.perf_counter()
            results = searcher.search([query], SearchConfig())
            searched = time.perf_counter() - began
            write_results(work / query.id, results)
            write_fasta(work / f"{query.id}.fa", [query])
            began = time.perf_counter()
            align_batch(work / query.id, work / f"{query.id}.fa", work / f"{query.id}.msa", AlignConfig())
            aligned = time.perf_counter() - began
            hits = [hit for hit in results[0].hits if hit.evalue <= 1e-3]
            covered = sum(hit.qend - hit.qstart + 1 for hit in hits) / len(query.sequence)
            print(f"{len(query.sequence)}\t{searched:.2f}\t{aligned:.2f}\t{len(hits)}\t{covered:.3f}", flush=True)


if __name__ == "__main__":
    main()
