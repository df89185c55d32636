"""How the scores of covariance models fall off by chance, as the search uses them.

    python benchmarks/cm_tails.py --rfam DIR --models 60 --targets 3000
    python benchmarks/cm_tails.py --rfam DIR --models 60 --targets 3000 --rows 20

builds models as the search does (one sequence with its predicted structure) of members of training families and of
random sequences, searches random sequences of ``rhoma.evalue.UNIT`` nucleotides with the search's own options, filters
included, and prints a row a model: length, seconds, targets with 8, 10, 12 and 14 bits or more. With ``--rows`` the
models are of so many rows of the seed alignments of training families, the positions of the first as columns. The last
lines are the P-values of all models together, by length, the slope of the tail, and what :mod:`rhoma.evalue` says. No
model has to be calibrated by itself for this.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np

from rhoma import infernal
from rhoma.evaluate.splits import read_split
from rhoma.evalue import UNIT, cm_log_pvalue
from rhoma.models.embedder import shipped_bundle
from rhoma.rfam import read_seed, read_sequences
from rhoma.search.covariance import OPTIONS, WHOLE, model_of_rows

BITS = (8, 10, 12, 14, 16, 18, 20, 22)
CLASSES = ((0, 60), (60, 80), (80, 110), (110, 150), (150, 1000))


def sample(rfam: Path, count: int, longest: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Returns (name, letters): three quarters members of training families, one quarter random, from 30 nt."""
    split = {row.family: row.split for row in read_split(shipped_bundle() / "split.tsv")}
    sequences = read_sequences(rfam)
    families = sorted(family for family in sequences if split.get(family) == "train")
    chosen = []
    for family in rng.permutation(families).tolist():
        members = [s for s in sequences[family].values() if 30 <= len(s) <= longest and set(s) <= set("ACGU")]
        if members:
            chosen.append((family, members[int(rng.integers(len(members)))]))
        if len(chosen) == count - count // 4:
            break
    for number in range(count // 4):
        length = int(np.exp(rng.uniform(np.log(30), np.log(longest))))
        chosen.append((f"random{number}", "".join(rng.choice(list("ACGU"), length))))
    return chosen


def sample_rows(
    rfam: Path, count: int, longest: int, rows: int, rng: np.random.Generator
) -> list[tuple[str, tuple[str, ...]]]:
    """Returns (name, rows of one column a letter of the first row) of training families with as many rows."""
    split = {row.family: row.split for row in read_split(shipped_bundle() / "split.tsv")}
    seeds = [s for s in read_seed(rfam) if split.get(s.accession) == "train" and len(s.rows) >= rows]
    chosen = []
    for number in rng.permutation(len(seeds)).tolist():
        taken = [seeds[number].rows[i][1] for i in rng.permutation(len(seeds[number].rows))[:rows].tolist()]
        columns = [place for place, letter in enumerate(taken[0]) if letter in "ACGU"]
        if 30 <= len(columns) <= longest:
            chosen.append((seeds[number].accession, tuple("".join(row[c] for c in columns) for row in taken)))
        if len(chosen) == count:
            break
    return chosen


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument("--models", type=int, default=60)
    parser.add_argument("--targets", type=int, default=3000)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--longest", type=int, default=260)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    chosen = (
        [(name, (letters,)) for name, letters in sample(args.rfam, args.models, args.longest, rng)]
        if args.rows == 1
        else sample_rows(args.rfam, args.models, args.longest, args.rows, rng)
    )
    targets = [(str(number), "".join(rng.choice(list("ACGU"), UNIT))) for number in range(args.targets)]
    lengths: list[int] = []
    tails: list[list[float]] = []
    print("name\tlength\tseconds\t" + "\t".join(f"bits>={bits}" for bits in BITS[:4]))
    for name, rows in chosen:
        letters = rows[0]
        model = model_of_rows(rows, letters)
        if not model:
            continue
        began = time.perf_counter()
        hits, _ = infernal.search(model, targets, options=(*OPTIONS, *WHOLE))
        best: dict[str, float] = {}
        for hit in hits:
            best[hit.name] = max(best.get(hit.name, -math.inf), hit.bits)
        lengths.append(len(letters))
        tails.append(list(best.values()))
        counts = "\t".join(str(sum(value >= bits for value in best.values())) for bits in BITS[:4])
        print(f"{name}\t{len(letters)}\t{time.perf_counter() - began:.2f}\t{counts}", flush=True)
    print("# P-value of bits >= " + ", ".join(map(str, BITS)))
    for low, high in ((0, 10_000), *CLASSES):
        inside = [number for number, length in enumerate(lengths) if low <= length < high]
        if not inside:
            continue
        comparisons = args.targets * len(inside)
        seen = [sum(value >= bits for number in inside for value in tails[number]) / comparisons for bits in BITS]
        said = [np.mean([math.exp(cm_log_pvalue(bits, lengths[number])) for number in inside]) for bits in BITS]
        print(f"# {low}-{high} nt, {len(inside)} models: seen " + " ".join(f"{value:.1e}" for value in seen))
        print(f"# {low}-{high} nt, {len(inside)} models: said " + " ".join(f"{value:.1e}" for value in said))
    for begin in (12, 14, 16):
        above = np.array([value - begin for tail in tails for value in tail if value >= begin])
        slope = 1 / above.mean()
        print(f"# slope from {begin} bits: {slope:.2f} +- {slope / math.sqrt(len(above)):.2f} ({len(above)} targets)")


if __name__ == "__main__":
    main()
