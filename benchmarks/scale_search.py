"""Searches at a size: time and rank of Rhoma and nhmmer in databases from thousands to millions of windows.

    python benchmarks/scale_search.py --rfam DIR --windows 10000 --windows 100000 --windows 1000000 --out WORK

The databases are like those of ``benchmarks/scale.py``: members in random flanks, and as many shuffled decoys.
Queries are members of families that the encoder was not trained on, of 30 to 600 nt, one a family. Six other members
of each family stand in every database, the rest are members of other families; families that the split relates are
ignored. ``rhoma evaluate`` runs and judges all methods. A row for each size and method: processor seconds a query
(start of the program and opening of the index apart), how many times those of the smallest size, ROC1, recall and
precision at E of 1e-3, peak memory so far.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scale import database

from rhoma.evaluate.benchmark import Benchmark
from rhoma.evaluate.dataset import own_dataset
from rhoma.evaluate.methods import ENTRIES
from rhoma.evaluate.metrics import figures, judge
from rhoma.evaluate.model import SHIPPED
from rhoma.evaluate.ranking import read_ranking
from rhoma.evaluate.run import build_rhoma_index, run_method
from rhoma.evaluate.splits import read_split
from rhoma.io.fasta import write_fasta
from rhoma.models.embedder import shipped_bundle
from rhoma.rfam import read_members
from rhoma.sequences import Record

# members of a query's family in every database
RELATIVES = 6


def chosen(rfam: Path, count: int) -> tuple[dict[str, Record], list[tuple[str, str]], dict[str, str]]:
    """Return family -> query, members (name, letters) for databases, the queries' families first, name -> family."""
    members = read_members(rfam)
    order = np.random.default_rng(1).permutation(len(members)).tolist()
    unseen = {row.family for row in read_split(shipped_bundle() / "split.tsv") if row.split != "train"}
    of: dict[str, list[tuple[str, str]]] = {}
    for place in order:
        name, family, letters = members[place]
        if family in unseen and 30 <= len(letters) <= 600:
            of.setdefault(family, []).append((name, letters))
    asked = sorted(family for family, found in of.items() if len(found) > RELATIVES)
    asked = [asked[place] for place in np.random.default_rng(2).permutation(len(asked))[:count].tolist()]
    queries = {family: Record(f"query_{of[family][0][0]}", "", of[family][0][1]) for family in asked}
    first = [member for family in asked for member in of[family][1 : RELATIVES + 1]]
    rest = [(members[p][0], members[p][2]) for p in order if members[p][1] not in queries]
    return queries, first + rest, {name: family for name, family, _ in members}


def benchmark(arguments: argparse.Namespace, windows: int) -> Benchmark:
    """Return the benchmark of a size, made where it is not there yet."""
    out: Path = arguments.out / f"search.{windows}"
    if (out / "dataset.json").is_file():
        return Benchmark(out)
    queries, targets, family_of = chosen(arguments.rfam, arguments.queries)
    component_of = {row.family: row.component for row in read_split(shipped_bundle() / "split.tsv")}
    model = SHIPPED.load(threads=1)
    records = list(database(targets, windows, model.window, model.stride))
    work = arguments.out / f"files.{windows}"
    work.mkdir(parents=True, exist_ok=True)
    write_fasta(work / "queries.fa", list(queries.values()))
    write_fasta(work / "targets.fa", records)
    labels = {record.id: family for family, record in queries.items()}
    for record in records:
        if not record.id.endswith("_decoy"):
            labels[record.id] = family_of[record.id.rsplit("_", 1)[0]]
    lines = ["id\tfamily\tclan"]
    for name, family in labels.items():
        # what the split relates stands for the clan, whose hits are ignored
        lines.append(f"{name}\t{family}\t{component_of.get(family, '')}")
    (work / "labels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    own_dataset(work / "queries.fa", work / "targets.fa", work / "labels.tsv", out)
    return Benchmark(out)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument(
        "--windows", type=int, action="append", required=True, help="may be repeated, the smallest first"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--methods", default="rhoma-fast,rhoma-auto,nhmmer,nhmmer-rounds")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    entries = {entry.name: entry for entry in ENTRIES}
    smallest: dict[str, float] = {}
    columns = "windows megabases method queries CPU-s times ROC1 recall precision peak-MB".split()
    print("\t".join(columns), flush=True)
    for windows in arguments.windows:
        bench = benchmark(arguments, windows)
        built = arguments.out / f"search.{windows}.index"
        if not (built / "build.json").is_file():
            build_rhoma_index(bench.targets("own"), built, model=SHIPPED, threads=arguments.threads)
        residues = json.loads((built / "build.json").read_text(encoding="utf-8"))["residues"]
        truths = bench.truths("own")
        for name in arguments.methods.split(","):
            out = arguments.out / f"search.{windows}.{name}"
            (row,) = run_method(entries[name], bench, out, indexes={"own": built}, threads=arguments.threads)
            if row.status != "ok":
                print(f"# {windows} {name}: {row.status}", flush=True)
                continue
            rankings = read_ranking(out / "own" / "ranking.tsv")
            found = [figures(judge(rankings.get(query, []), truth)) for query, truth in truths.items()]
            cpu = row.cpu / row.queries
            smallest.setdefault(name, cpu)
            values = [float(np.nanmean([f[key] for f in found])) for key in ("roc1", "recall", "precision")]
            cells = [f"{cpu:.2f}", f"{cpu / smallest[name]:.1f}", *(f"{v:.3f}" for v in values), f"{row.peak:.0f}"]
            print("\t".join([str(windows), f"{residues / 1e6:.1f}", name, str(len(truths)), *cells]), flush=True)


if __name__ == "__main__":
    main()
