#!/usr/bin/env python3
"""Writes the demo data beside this file from the example alignments of Debian's infernal package.

Usage: python3 make_demo.py /usr/share/doc/infernal/examples/testsuite

Needs the standard library only. The same directory gives the same bytes.
"""

from __future__ import annotations

import random
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SEED = 20260501
MAX_IDENTITY = 0.90  # of two chosen members of a family, over the columns where both have a nucleotide
LENGTH_RANGE = (0.80, 1.25)  # of a member, relative to the median of its family: no fragments
# Of a query to its nearest relative in the database: neither a copy nor an orphan.
QUERY_IDENTITY = (0.55, 0.80)
CONTIG_NAME, CONTIG_FLANKS = "contig_1", (947, 1160)
N_SHUFFLED = 45
PIECE_LENGTHS = (120, 160, 200, 240, 300)


@dataclass(frozen=True)
class Family:
    """One family: where its alignment is, how many members to take, its Rfam clan ("" for none)."""

    name: str
    clan: str
    file: str
    entry: str  # #=GF ID of the alignment in the file; "" where the file has one alignment
    members: int
    skip: tuple[str, ...] = ()  # prefixes of names to leave out
    primers: bool = False  # lower-case ends are those of PCR primers: the sequence is partial


FAMILIES = (
    Family("tRNA", "CL00001", "tRNA.sto", "tRNA", 45),
    Family("RNaseP_bact_a", "CL00002", "rnaseP-eubact.sto", "", 36, primers=True),
    Family("U1", "CL00005", "3.4.12.rf.stk", "U1", 36),
    Family("U2", "CL00006", "3.4.12.rf.stk", "U2", 24),
    Family("U3", "CL00100", "3.4.12.rf.stk", "U3", 16),
    Family("Plant_SRP", "CL00003", "Plant_SRP.sto", "Plant_SRP", 26),
    # The plants of this file are the RNAs of Plant_SRP again.
    Family(
        "SRP_euk",
        "CL00003",
        "srp-euk.sto",
        "",
        12,
        ("ZEA.", "LYC.", "TRI.", "ARA.", "CIN.", "COL.", "CAN.", "GYN."),
    ),
    Family("Vault", "", "Vault.sto", "Vault", 26),
    Family("snR75", "CL00045", "snR75.sto", "snR75", 26),
    Family("SSU_rRNA_bacteria", "CL00111", "bug-i15.sto", "", 4),
)
QUERY_FAMILIES = ("tRNA", "U1", "RNaseP_bact_a")
HIDDEN_FAMILY = "U1"
# Pieces of genomes, away from the one known RNA gene of each file (1-based, from the testsuite's 00README).
GENOMES = (("ffs-frag.fa", "ecoli", (15000, 16500)), ("rnaseP-frag.fa", "bsubtilis", (10000, 11500)))


def read_stockholm(path: Path, entry: str) -> dict[str, str]:
    """Returns the aligned rows {name: row} of the alignment with this #=GF ID, or of the first one."""
    rows: dict[str, str] = {}
    name = ""
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("#=GF ID"):
            name = line.split()[2]
        elif line.startswith("//"):
            if rows and entry in ("", name):
                return rows
            rows, name = {}, ""
        elif line.strip() and not line.startswith("#"):
            key, part = line.split()
            rows[key] = rows.get(key, "") + part
    raise SystemExit(f"{path}: no alignment '{entry}'")


def letters(row: str) -> str:
    """Returns the RNA letters of an aligned row, upper case, without gaps."""
    return re.sub(r"[^A-Z]", "", row.upper()).replace("T", "U")


def identity(first: str, second: str) -> float:
    """Returns the share of equal nucleotides where both rows have one (0 below 20 such columns)."""
    pairs = [(a, b) for a, b in zip(first.upper(), second.upper(), strict=True) if a.isalpha() and b.isalpha()]
    return sum(a == b for a, b in pairs) / len(pairs) if len(pairs) >= 20 else 0.0


def has_primers(row: str) -> bool:
    """Returns whether the first or the last letters of a row are lower case."""
    inside = row.strip("-.~")
    return any(letter.islower() for letter in inside[:6] + inside[-6:])


def choose(family: Family, rows: dict[str, str], rng: random.Random) -> list[str]:
    """Returns the names of whole, mutually different members in random order, one more than asked for."""
    middle = median(len(letters(row)) for row in rows.values())
    low, high = LENGTH_RANGE[0] * middle, LENGTH_RANGE[1] * middle
    names = [
        name
        for name in sorted(rows)
        if low <= len(letters(rows[name])) <= high
        and set(letters(rows[name])) <= set("ACGU")
        and not name.startswith(family.skip or ("\0",))
        and not (family.primers and has_primers(rows[name]))
    ]
    rng.shuffle(names)
    chosen: list[str] = []
    for name in names:
        if all(identity(rows[name], rows[other]) < MAX_IDENTITY for other in chosen):
            chosen.append(name)
        if len(chosen) == family.members + 1:
            break
    return chosen


def choose_query(names: list[str], rows: dict[str, str]) -> str:
    """Returns the member most like all others whose nearest relative lies in QUERY_IDENTITY."""

    def others(name: str) -> list[float]:
        return [identity(rows[name], rows[other]) for other in names if other != name]

    fit = [name for name in names if QUERY_IDENTITY[0] <= max(others(name)) <= QUERY_IDENTITY[1]]
    return max(fit, key=lambda name: (sum(others(name)), name))


def shuffled(sequence: str, rng: random.Random) -> str:
    """Returns a random sequence with the same dinucleotide counts and ends (Altschul & Erickson 1985)."""
    last = sequence[-1]
    edges: dict[str, list[str]] = {}
    for a, b in zip(sequence, sequence[1:], strict=False):
        edges.setdefault(a, []).append(b)
    # The last exits of the letters must lead to the last letter, or the walk could not use every edge.
    while True:
        exits = {a: rng.choice(edges[a]) for a in sorted(edges) if a != last}
        reached = {last}
        while more := {a for a, b in exits.items() if a not in reached and b in reached}:
            reached |= more
        if reached >= exits.keys():
            break
    for a in sorted(edges):
        if a in exits:
            edges[a].remove(exits[a])
        rng.shuffle(edges[a])
        if a in exits:
            edges[a].append(exits[a])
    out = [sequence[0]]
    while edges.get(out[-1]):
        out.append(edges[out[-1]].pop(0))
    return "".join(out)


def reverse_complement(sequence: str) -> str:
    """Returns the reverse complement of an RNA of A, C, G, U."""
    return sequence.translate(str.maketrans("ACGU", "UGCA"))[::-1]


def fasta(records: list[tuple[str, str, str]]) -> str:
    """Returns FASTA text, 80 letters a line, of (id, description, sequence) records."""
    return "".join(
        f">{name}{' ' + text if text else ''}\n"
        + "".join(sequence[i : i + 80] + "\n" for i in range(0, len(sequence), 80))
        for name, text, sequence in records
    )


def main(source: Path, out: Path) -> None:
    """Writes database.fasta, queries.fasta, labels.tsv and truth.tsv into ``out``."""
    rng = random.Random(SEED)
    database: list[tuple[str, str, str]] = []
    queries: list[tuple[str, str, str]] = []
    labels: list[tuple[str, str, str]] = []
    truth: list[tuple[str, str, str, int, int]] = []
    for family in FAMILIES:
        rows = read_stockholm(source / family.file, family.entry)
        names = choose(family, rows, rng)
        # Names of the RNase P, SRP and SSU files are bare organisms; the family in front keeps them apart.
        label = {name: name if "/" in name else f"{family.name}.{name.strip('.')}" for name in names}
        hidden = ""
        if family.name in QUERY_FAMILIES:
            query = choose_query(names, rows)
            names.remove(query)
            # The query has a name without a slash: its directory of results is called the same.
            query_id = f"{family.name}_{re.sub('[.][0-9]+/.*', '', query)}"
            queries.append((query_id, f"{query} of {family.file}", letters(rows[query])))
            if family.name == HIDDEN_FAMILY:
                hidden = names.pop()
            targets = [(label[name], "+", 1, len(letters(rows[name]))) for name in names[: family.members]]
            truth += [(query_id, *target) for target in targets]
        for name in names[: family.members]:
            database.append((label[name], f"{family.name} from {family.file}", letters(rows[name])))
            labels.append((label[name], family.name, family.clan))
        if hidden:
            left, right = ("".join(rng.choices("ACGU", weights=(27, 23, 23, 27), k=n)) for n in CONTIG_FLANKS)
            inside = reverse_complement(letters(rows[hidden]))
            contig = left + inside + right
            database.append((CONTIG_NAME, f"random but for {label[hidden]} on the minus strand", contig))
            labels.append((CONTIG_NAME, family.name, family.clan))
            truth.append((query_id, CONTIG_NAME, "-", len(left) + 1, len(left) + len(inside)))
    members = [record for record in database if record[0] != CONTIG_NAME and len(record[2]) < 500]
    for name, _, sequence in rng.sample(members, N_SHUFFLED):
        database.append((f"shuffled.{name}", "dinucleotide shuffle", shuffled(sequence, rng)))
    for file, genome, (gene_start, gene_end) in GENOMES:
        text = "".join((source / file).read_text().split("\n")[1:])
        sequence = letters(text)
        for number, start in enumerate(range(1, len(sequence) - 300, 800)):
            end = start + PIECE_LENGTHS[number % len(PIECE_LENGTHS)] - 1
            if end < gene_start or start > gene_end:
                database.append((f"{genome}.{start}-{end}", f"genome piece from {file}", sequence[start - 1 : end]))
    rng.shuffle(database)
    (out / "database.fasta").write_text(fasta(database))
    (out / "queries.fasta").write_text(fasta(queries))
    lines = ["id\tfamily\tclan", *("\t".join(row) for row in sorted(labels))]
    (out / "labels.tsv").write_text("\n".join(lines) + "\n")
    lines = ["query\ttarget\tstrand\ttstart\ttend", *("\t".join(map(str, row)) for row in truth)]
    (out / "truth.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).resolve().parent)
