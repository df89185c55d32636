"""Whether E-values hold: searches with queries that have no homolog.

    python benchmarks/evalues.py --benchmark DIR --queries 300 --work WORK --threads 2

Queries are half random sequences (lengths of the benchmark's queries, uniform letters), half dinucleotide shuffles of
the benchmark's queries. The database is one of the benchmark's: real members (in random flanks, unless ``--database
plain``) and their shuffled decoys; it is indexed once in WORK. Every hit is chance, so that an E-value of t or less
should be seen t times a query.

A row for each effort and threshold: hits seen, hits expected, their ratio with a 95 % interval (a bootstrap of
queries: the hits of one query come together), the smallest E-value of all, processor seconds a query.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from rhoma.evaluate.benchmark import FLANKED, Benchmark
from rhoma.index.build import index_database
from rhoma.io.fasta import read_fasta
from rhoma.models.embedder import load_embedder
from rhoma.search import SearchConfig, Searcher
from rhoma.sequences import Record
from rhoma.shuffle import dinucleotide_shuffle

THRESHOLDS = (1e-3, 1e-2, 0.1, 1.0, 10.0)


def null_queries(real: list[Record], count: int, rng: np.random.Generator) -> list[Record]:
    """Returns random sequences and shuffles of real ones in turn."""
    queries = []
    for number in range(count):
        letters = real[int(rng.integers(len(real)))].sequence
        if number % 2:
            queries.append(Record(f"shuffled{number}", "", dinucleotide_shuffle(letters, rng)))
        else:
            queries.append(Record(f"random{number}", "", "".join(rng.choice(list("ACGU"), len(letters)))))
    return queries


def interval(counts: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Returns the 95 % interval of the mean of counts, one a query; without any, by the rule of three."""
    if not counts.sum():
        return 0.0, 3.0 / len(counts)
    means = counts[rng.integers(len(counts), size=(2000, len(counts)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def seconds() -> float:
    """Returns processor seconds of this process and its children."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", type=Path, required=True)
    parser.add_argument("--database", default=FLANKED)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--efforts", default="fast,auto,sensitive")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=float, default=1e-3, help="hits up to this E-value are listed")
    args = parser.parse_args()
    benchmark = Benchmark(args.benchmark)
    rng = np.random.default_rng(args.seed)
    queries = null_queries(benchmark.queries(), args.queries, rng)
    embedder = load_embedder(None, device="cpu", threads=1)
    index = args.work / args.database
    if not index.exists():
        index_database(read_fasta(benchmark.targets(args.database))[0], embedder, index)
    searcher = Searcher.open(index, embedder=embedder)
    anchors = searcher.anchors(queries, threads=args.threads)
    print("effort\tE-value\tseen\texpected\tratio\t95 %\tsmallest\tCPU s")
    for effort in args.efforts.split(","):
        began = seconds()
        config = SearchConfig(effort=effort, report_evalue=max(THRESHOLDS), threads=args.threads)
        results = searcher.search(queries, config, anchors=anchors)
        spent = (seconds() - began) / len(queries)
        evalues = [np.array([hit.evalue for hit in result.hits]) for result in results]
        smallest = min((float(values.min()) for values in evalues if len(values)), default=np.inf)
        for threshold in THRESHOLDS:
            counts = np.array([int((values <= threshold).sum()) for values in evalues])
            low, high = (bound / threshold for bound in interval(counts, rng))
            print(
                f"{effort}\t{threshold:g}\t{counts.sum()}\t{threshold * len(queries):g}"
                f"\t{counts.mean() / threshold:.2f}\t{low:.2f}-{high:.2f}\t{smallest:.1e}\t{spent:.2f}",
                flush=True,
            )
        for result in results:
            if result.failure:
                print(f"# {effort}: {result.query} failed: {result.failure}")
            for hit in result.hits:
                if hit.evalue <= args.show:
                    print(
                        f"# {effort}: {result.query} {hit.target} {hit.strand} {hit.qstart}-{hit.qend}"
                        f" {hit.tstart}-{hit.tend} {hit.bits:.1f} bits, E {hit.evalue:.1e}, {hit.source}"
                    )


if __name__ == "__main__":
    main()
