"""The index at a size: recall of its list, time of a search, bytes a nucleotide, opening, memory.

    python benchmarks/scale.py --rfam DIR --windows 10000 --out WORK
    python benchmarks/scale.py --rfam DIR --windows 1000000 --out WORK --threads 2

The database is members of Rfam's families in 100 to 1,000 nt of random flank on each side, and for each a decoy: its
dinucleotide shuffle in other flanks. It is embedded and indexed once in WORK (a run that was killed goes on) and kept
there. Queries are windows of members that are not in the database. The program prints a table:

* `recall@k`: share of the exact k best that a search for k finds; of the stored rows (what an exact index answers), and
  of the vectors before they were stored in 4 bits.
* `list`, `exact`, `search`: processor milliseconds a query window, of one thread: the list of candidates, their exact
  cosines, and the whole search for k = 1,000, with `--batch` windows at a time.
* bytes a nucleotide, by file and in all; seconds to open the index and to answer for the first time; resident memory
  after all queries, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rhoma.cli.common import progress
from rhoma.index import nearest, pq
from rhoma.index.build import build_index
from rhoma.index.bundle import Index
from rhoma.index.flat import FlatIndex
from rhoma.index.nearest import Part
from rhoma.models.embedder import load_embedder
from rhoma.rfam import read_members
from rhoma.sequences import Record
from rhoma.shuffle import dinucleotide_shuffle
from rhoma.store import open_store, write_store
from rhoma.windows import count_windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rhoma.models.embedder import Embedder

DEPTHS = (10, 100, 1000)
# one member in so many is a query, and no target
HELD_OUT = 50


def flanked(rng: np.random.Generator, letters: str) -> str:
    """Return letters between two random flanks of 100 to 1,000 nt."""
    left, right = ("".join(rng.choice(list("ACGU"), int(size))) for size in rng.integers(100, 1001, 2))
    return f"{left}{letters}{right}"


def database(members: list[tuple[str, str]], windows: int, window: int, stride: int) -> Iterator[Record]:
    """Give members and decoys, in turn, until they have so many windows."""
    rng = np.random.default_rng(0)
    made = 0
    for number in range(10**9):
        name, letters = members[number // 2 % len(members)]
        decoy = number % 2
        text = flanked(rng, dinucleotide_shuffle(letters, rng) if decoy else letters)
        yield Record(f"{name}_{number}{'_decoy' if decoy else ''}", "", text)
        made += int(count_windows([len(text)], window, stride)[0])
        if made >= windows:
            return


def build(arguments: argparse.Namespace, embedder: Embedder) -> tuple[Path, Path, list[str]]:
    """Return index and store of the database, made where they are not there yet, and the queries."""
    members = [(name, letters) for name, _, letters in read_members(arguments.rfam)]
    order = np.random.default_rng(1).permutation(len(members)).tolist()
    held = [members[place] for place in order[::HELD_OUT]]
    targets = [members[place] for number, place in enumerate(order) if number % HELD_OUT]
    queries = [letters[: embedder.window] for _, letters in held[: arguments.queries]]
    work = arguments.out / f"{embedder.name}.{arguments.windows}"
    work.mkdir(parents=True, exist_ok=True)
    store, index = work / "vectors", work / f"index.{arguments.kind}"
    if not (index / "manifest.json").is_file():
        records = list(database(targets, arguments.windows, embedder.window, embedder.stride))
        if not (store / "manifest.json").is_file():
            with progress("windows embedded") as tell:
                write_store(store, records, embedder, progress=tell)
        build_index(records, open_store(store), index, kind=arguments.kind, threads=arguments.threads)
    return index, store, queries


def exact_rows(index: Index, queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the rows of the best k among the stored rows."""
    first, parts = 0, []
    for segment in index.segments:
        parts.append(Part(first, segment.rows, FlatIndex(segment.rows)))
        first += len(segment.rows)
    return nearest.search(parts, queries, k)[1]


def original_rows(store: Path, queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the rows of the best k among the vectors as they were embedded."""
    vectors = open_store(store).vectors
    scores = np.empty((len(queries), len(vectors)), dtype=np.float32)
    for start in range(0, len(vectors), 32_768):
        block = vectors[start : start + 32_768].astype(np.float32)
        scores[:, start : start + len(block)] = queries @ block.T
    return np.argpartition(-scores, k, axis=1)[:, :k]


def recall(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    """Return the share of true rows that were found."""
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, true, strict=True)]))


def clocked(work: Any, count: int) -> float:
    """Return processor milliseconds a query window."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start) / count


def times(index: Index, queries: NDArray[np.float32], batch: int, k: int) -> dict[str, float]:
    """Return processor milliseconds a query window of the search, and of its list."""
    batches = [queries[start : start + batch] for start in range(0, len(queries), batch)]
    index.search(queries[:batch], k)
    total = clocked(lambda: [index.search(part, k) for part in batches], len(queries))
    found = {"search": total}
    if index.manifest.codebook is not None:
        wanted = max(segment.index.wanted(k, index.n_windows) for segment in index.segments)

        def lists() -> None:
            for part in batches:
                for segment in index.segments:
                    segment.index.nearest(part, min(wanted, len(segment.index)))

        found.update({"list": clocked(lists, len(queries)), "exact": 0.0, "candidates": float(wanted)})
        found["exact"] = total - found["list"]
    return found


def alone(path: Path, queries: NDArray[np.float32], batch: int, k: int) -> dict[str, float]:
    """Return seconds to open and to answer first, and resident memory, of a process that searches."""
    file = path.parent / "queries.npy"
    np.save(file, queries)
    program = f"""
import json, time
import numpy as np
from rhoma.index.bundle import Index
queries = np.load({str(file)!r})
start = time.perf_counter()
index = Index.open({str(path)!r})
opened = time.perf_counter()
index.search(queries[:1], {k})
first = time.perf_counter()
for number in range(0, len(queries), {batch}):
    index.search(queries[number : number + {batch}], {k})
# not ru_maxrss: that begins at the size of the process that started this one
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
print(json.dumps({{"open_s": opened - start, "first_s": first - opened, "peak_mb": peak}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    facts: dict[str, float] = json.loads(done.stdout)
    return facts


def sizes(index: Index) -> dict[str, float]:
    """Return bytes a nucleotide, by kind of file and in all."""
    found: dict[str, float] = {}
    for name, entry in index.manifest.files.items():
        key = name.rsplit("/", 1)[1].split(".")[0] if name.startswith("segments/") else name.split("/", 1)[0]
        found[key] = found.get(key, 0.0) + entry.size / index.total_residues
    found["all"] = sum(found.values())
    return found


def main() -> None:
    """Build the database, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rfam", type=Path, required=True, help="directory with members.fa.gz")
    parser.add_argument("--windows", type=int, default=10_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=None)
    parser.add_argument("--kind", default="auto", choices=["auto", "flat", "pq", "hnsw", "ivfpq"])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--batch", type=int, default=16, help="query windows searched at a time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rescored", type=float, default=pq.SCALE, help="scale of the rows that pq scores exactly")
    arguments = parser.parse_args()
    pq.SCALE = arguments.rescored
    embedder = load_embedder(arguments.model, threads=arguments.threads)
    path, store, texts = build(arguments, embedder)
    queries = embedder.embed(texts)
    index = Index.open(path)
    kinds = sorted({segment.info.kind for segment in index.segments})
    print(f"{index.n_windows} windows, {index.n_sequences} sequences, {index.total_residues} nt, {' '.join(kinds)}")
    found = {k: index.search(queries, k)[1] for k in DEPTHS}
    true = exact_rows(index, queries, max(DEPTHS))
    rows: list[tuple[str, float]] = [(f"recall@{k}", recall(found[k], true[:, :k])) for k in DEPTHS]
    if open_store(store).manifest.n_windows == index.n_windows:
        rows += [(f"recall@{k}, before storing", recall(found[k], original_rows(store, queries, k))) for k in DEPTHS]
    rows += [(f"ms: {name}", value) for name, value in times(index, queries, arguments.batch, max(DEPTHS)).items()]
    rows += list(alone(path, queries, arguments.batch, max(DEPTHS)).items())
    rows += [(f"bytes/nt: {name}", value) for name, value in sorted(sizes(index).items())]
    for name, value in rows:
        print(f"| {name} | {value:.4g} |")


if __name__ == "__main__":
    main()
