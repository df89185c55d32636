"""How well seeds' own sequences are aligned and folded, how often chance covaries, and what it all costs.

    python benchmarks/alignment.py --rfam DIR --part seeds --families 20 --rows 10
    python benchmarks/alignment.py --rfam DIR --part seeds --families 100 --rows 50 --split assets/encoder/split.tsv
    python benchmarks/alignment.py --rfam DIR --part null --families 20 --rows 50 --shuffles 5
    python benchmarks/alignment.py --rfam DIR --part power --families 60 --rows 50
    python benchmarks/alignment.py --rfam DIR --part power --families 24 --rows 100 --alike 0.8
    python benchmarks/alignment.py --rfam DIR --part times
    python benchmarks/alignment.py --rfam DIR --part deep --family RF00005

``seeds`` cuts seed alignments to so many rows (drawn at random, seeded), takes the gaps out, and prints the mean sum of
pairs and base-pair F1 against the curated alignment and structure, with 95 % intervals over families:

* ``linsi``: MAFFT L-INS-i, folded by RNAalifold;
* ``cm``, ``auto``, ``embed`` (``--aligners``): :func:`rhoma.msa.build.build` with that aligner, as ``query align``
  does; ``embed`` takes the states of the encoder ``--model``;
* ``embed alone``: its first alignment, folded by RNAalifold as that of ``linsi``;
* ``known alignment``: the curated alignment, folded as ``auto`` is;
* ``ceiling``: cmalign to the model of the whole curated alignment, with the curated structure.

Seeds whose structure has no pair count for the sum of pairs alone. The settings of the structural aligner and of the
consensus structure were fitted to seeds of the encoder's training families; ``--split`` takes those of its validation
and test families.

``null`` shuffles the substitutions of seeds along their trees and counts pairs that are significant all the same.
``power`` counts how many curated base pairs are significant, by their substitutions, and fits the logistic curve of
:func:`rhoma.msa.covariation.power`; ``--alike`` is the identity from which on rows count as one (above 1: none do).
``times`` makes alignments of 100 rows of 76 nt, 100 of 400 nt, 1,000 of 120 nt, 5,000 and 10,000 of 72 nt and 60 of
1,870 nt from the models of tRNA, tmRNA, 5S and SSU rRNA seeds by cmemit, from unaligned rows to model and evidence.
``deep`` searches (``rhoma search``) with one member of a family in a database of 5,000 relatives, its members and
copies of them of which 15 % of the letters are substituted, and prints hits, rows, Neff and seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from rhoma import infernal
from rhoma.alignment import Alignment, as_cells, as_rows, ungapped
from rhoma.evaluate.alignments import AlignmentFigures, compare, rows_of_seed
from rhoma.evaluate.metrics import interval
from rhoma.models.states import load_states
from rhoma.msa import covariation as tests
from rhoma.msa.build import BuildConfig, build, choose_rows
from rhoma.msa.consensus import fold
from rhoma.msa.covariation import UNKNOWN, covariation, fitch, simulate, states, tree
from rhoma.msa.embedded import embedded_alignment
from rhoma.msa.first import first_alignment
from rhoma.msa.mafft import mafft_alignment
from rhoma.msa.quality import read_quality
from rhoma.msa.select import effective_sequences
from rhoma.rfam import read_members, read_seed
from rhoma.sequences import Record
from rhoma.structure import annotate, dot_bracket, pair_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rhoma.rfam import Seed

# (rows, nucleotides, family whose model emits them)
TIMES = (
    *((100, 76, "RF00005"), (100, 400, "RF00023"), (1_000, 120, "RF00001"), (5_000, 72, "RF00005")),
    *((10_000, 72, "RF00005"), (60, 1_870, "RF01960")),
)


def chosen(rfam: Path, count: int, fewest: int, longest: int, split: Path | None = None) -> list[Seed]:
    """Returns seeds of at least so many rows and at most that median length, evenly spread over the file.

    With a split (family first, part last), families of its part ``train`` are left out.
    """
    lines = [] if split is None else split.read_text(encoding="utf-8").splitlines()
    left_out = {line.split("\t")[0] for line in lines if line.endswith("\ttrain")}
    seeds = [
        seed
        for seed in read_seed(rfam)
        if seed.accession not in left_out
        and len(seed.rows) >= fewest
        and np.median([len(ungapped(row)) for _, row in seed.rows]) <= longest
    ]
    if count >= len(seeds):
        return seeds
    return [seeds[place] for place in np.linspace(0, len(seeds) - 1, count).round().astype(int)]


def whole(seed: Seed) -> Alignment:
    """Returns a seed alignment with its structure as brackets."""
    names, rows = zip(*seed.rows, strict=True)
    return Alignment(names, rows, dot_bracket(pair_table(seed.structure), len(seed.structure)))


def cut(alignment: Alignment, rows: int) -> Alignment:
    """Returns so many rows of an alignment, drawn at random."""
    picked = np.random.default_rng(1).choice(len(alignment.rows), rows, replace=False)
    return Alignment(
        tuple(f"s{number}" for number in range(rows)),
        tuple(alignment.rows[row] for row in sorted(picked.tolist())),
        alignment.ss_cons,
    )


def figures(made: Alignment, reference: Alignment) -> AlignmentFigures:
    """Returns the figures of an alignment of the reference's rows."""
    test, true = (rows_of_seed(dict(zip(a.names, a.rows, strict=True))) for a in (made, reference))
    found = compare(test, true, made.ss_cons, reference.ss_cons)
    return found if "(" in reference.ss_cons else replace(found, pair_f1=float("nan"))


def seeds(args: argparse.Namespace) -> None:
    """Prints a row a family and method, and the means."""
    found: dict[str, list[AlignmentFigures]] = {}
    families = chosen(args.rfam, args.families, args.fewest or args.rows, args.longest, args.split)
    states = load_states(args.model, model_dir=args.model_dir) if "embed" in args.aligners else None
    for seed in families:
        complete = whole(seed)
        reference = cut(complete, args.rows)
        records = [Record(n, "", ungapped(row)) for n, row in zip(reference.names, reference.rows, strict=True)]
        plain = Alignment(reference.names, reference.rows)
        start = first_alignment(records[0], records[1:], threads=args.threads)
        made = {"linsi": annotate(mafft_alignment(plain, "linsi", threads=args.threads))}
        for aligner in args.aligners:
            config = BuildConfig(aligner=aligner)
            made[aligner] = build(start, config, name="seed", threads=args.threads, states=states).alignment
        if states is not None:
            made["embed alone"] = annotate(embedded_alignment(plain, states))
        made["known alignment"] = annotate(plain, fold)
        model = infernal.build(complete, name="seed", hand=False)
        made["ceiling"] = infernal.align(model, plain, threads=args.threads)
        for method, alignment in made.items():
            figure = figures(alignment, reference)
            found.setdefault(method, []).append(figure)
            print(seed.accession, method, f"{figure.sps:.3f} {figure.pair_f1:.3f}", sep="\t", flush=True)
    names = [seed.accession for seed in families]
    for method, row in found.items():
        line = [method, str(len(row))]
        for name in ("sps", "pair_f1"):
            values = np.array([getattr(figure, name) for figure in row])
            line.append(f"{name} {mean(values, names)}")
        print("\t".join(line))
    for method, row in found.items():
        gains = [
            mean(np.array([getattr(a, n) - getattr(b, n) for a, b in zip(row, found["linsi"], strict=True)]), names)
            for n in ("sps", "pair_f1")
        ]
        print(f"{method} - linsi", *gains, sep="\t")


def mean(values: NDArray[np.float64], names: Sequence[str]) -> str:
    """Returns a mean over families with its 95 % interval; families without a value do not count."""
    some = np.flatnonzero(~np.isnan(values))
    low, high = interval(values[some], [names[n] for n in some.tolist()])
    return f"{values[some].mean():.3f} ({low:.3f} to {high:.3f})"


def null(args: argparse.Namespace) -> None:
    """Prints significant pairs of shuffled seeds, a row a family, and the rate an alignment."""
    total = count = 0
    for seed in chosen(args.rfam, args.families, args.rows, args.longest):
        letters = states(as_cells(cut(whole(seed), args.rows).rows))
        letters = letters[:, (letters != UNKNOWN).mean(axis=0) > 0.5]
        parents, branches = tree(letters)
        ancestral = fitch(letters, parents)
        false = 0
        for number in range(args.shuffles):
            made = simulate(ancestral, branches, np.random.default_rng(100 + number))[: len(letters)]
            signs = np.frombuffer(b"-AC-G---U-------", dtype=np.uint8)
            rows = as_rows(signs[np.where(letters == UNKNOWN, UNKNOWN, made)])
            pairs = covariation(Alignment(tuple(map(str, range(len(rows)))), rows, "." * letters.shape[1]))
            false += sum(pair.significant for pair in pairs)
        print(seed.accession, letters.shape[1], false, sep="\t", flush=True)
        total += false
        count += args.shuffles
    print(f"{total} false pairs in {count} alignments: {total / count:.3f} an alignment, 0.05 stated")


def power(args: argparse.Namespace) -> None:
    """Prints curated pairs and those that are significant by substitutions, how many others are, and the curve."""
    tests.ALIKE = args.alike
    counts, found, others = [], [], 0
    for seed in chosen(args.rfam, args.families, args.rows, args.longest):
        for pair in covariation(cut(whole(seed), args.rows)):
            if pair.paired:
                counts.append(pair.substitutions)
                found.append(pair.significant)
            else:
                others += pair.significant
    substitutions, significant = np.array(counts), np.array(found)
    edges = [0, 2, 5, 10, 15, 20, 30, 40, 60, 1_000]
    for low, high in zip(edges, edges[1:], strict=False):
        inside = (substitutions >= low) & (substitutions < high)
        print(low, high - 1, int(inside.sum()), int(significant[inside].sum()), sep="\t")
    model = LogisticRegression(C=1e6).fit(np.log1p(substitutions)[:, None], significant)
    print(f"{significant.sum()} of {len(significant)} pairs, and {others} others")
    print(f"intercept {model.intercept_[0]:.2f} slope {model.coef_[0, 0]:.2f}")


def times(args: argparse.Namespace) -> None:
    """Prints seconds and Neff of synthetic families."""
    seeds_by_name = {seed.accession: seed for seed in read_seed(args.rfam)}
    for rows, length, family in TIMES:
        records = emit(whole(seeds_by_name[family]), rows, length)
        began, used = time.perf_counter(), sum(os.times()[:4])
        start = first_alignment(records[0], records[1:], threads=args.threads)
        config = BuildConfig(max_homologs=10_000)
        start = start.keep(choose_rows(start, config))
        built = build(start, config, name="family", threads=args.threads)
        wall, cpu = time.perf_counter() - began, sum(os.times()[:4]) - used
        effective = effective_sequences(as_cells(built.alignment.rows))
        kept = len(built.alignment.rows)
        print(rows, length, kept, built.method, f"neff {effective:.1f}", f"{wall:.1f} s", f"{cpu:.1f} CPU-s", sep="\t")


def deep(args: argparse.Namespace) -> None:
    """Prints rows, Neff and seconds of a search in a database of one family."""
    rng = np.random.default_rng(1)
    members = [Record(i, "", letters) for i, family, letters in read_members(args.rfam) if family == args.family]
    query, others = members[0], list(members[1:])
    while len(others) < args.relatives:
        parent = members[rng.integers(1, len(members))]
        letters = np.array(list(parent.sequence))
        changed = rng.random(len(letters)) < 0.15
        letters[changed] = rng.choice(list("ACGU"), int(changed.sum()))
        others.append(Record(f"copy{len(others)}", "", "".join(letters)))
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        for name, records in (("query", [query]), ("database", others[: args.relatives])):
            (work / f"{name}.fa").write_text("".join(f">{r.id}\n{r.sequence}\n" for r in records))
        command = ["rhoma", "search", "query.fa", "database.fa", "-o", "out", "--threads", str(args.threads)]
        began, used = time.perf_counter(), sum(os.times()[:4])
        subprocess.run([*command, "--quiet"], check=True, cwd=work)
        wall, cpu = time.perf_counter() - began, sum(os.times()[:4]) - used
        row = read_quality(work / "out" / "msa.tsv")[0]
    pairs = f"{row.significant} of {row.pairs} pairs significant"
    cells = [args.relatives, f"{row.hits} hits", f"{row.homologs} rows", row.method, f"neff {row.neff:.1f}", pairs]
    print(*cells, f"{wall:.1f} s", f"{cpu:.1f} CPU-s", sep="\t")


def emit(alignment: Alignment, rows: int, length: int) -> list[Record]:
    """Returns sequences that the model of a family emits, cut or filled up to a length by their own letters."""
    text = infernal.emit(infernal.build(alignment, name="family", hand=False), rows, seed=1)
    letters = ["".join(chunk.split("\n")[1:]) for chunk in text.split(">")[1:]]
    return [Record(f"r{n}", "", (row * (length // len(row) + 1))[:length]) for n, row in enumerate(letters)]


def main() -> None:
    """Runs one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rfam", type=Path, required=True)
    parser.add_argument("--part", choices=("seeds", "null", "power", "times", "deep"), default="seeds")
    parser.add_argument("--families", type=int, default=20)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--fewest", type=int, help="rows that a seed has at least (default: --rows)")
    parser.add_argument("--split", type=Path, help="split of families; those of its part train are left out")
    parser.add_argument("--aligners", nargs="+", default=["cm", "auto"])
    parser.add_argument("--model", help="encoder of 'embed' (default: the shipped one)")
    parser.add_argument("--model-dir", type=Path, help="directory of a public encoder's weights")
    parser.add_argument("--longest", type=int, default=400)
    parser.add_argument("--family", default="RF00005", help="family of the database (deep)")
    parser.add_argument("--relatives", type=int, default=5_000, help="its sequences (deep)")
    parser.add_argument("--shuffles", type=int, default=5)
    parser.add_argument("--alike", type=float, default=tests.ALIKE, help="identity of rows that count as one (power)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    {"seeds": seeds, "null": null, "power": power, "times": times, "deep": deep}[args.part](args)


if __name__ == "__main__":
    main()
