"""Train, validation and test families, such that nothing related crosses.

Two families are related if they share a clan, or if any of their sequences align to each other at 40 bits
or more (MMseqs2, both strands, nucleotides). Components of that relation stay together. The threshold is in
bits, not an E-value: it does not depend on how many sequences are searched.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from rhoma import tools
from rhoma.artifacts import atomic_write
from rhoma.checksums import check_sha256, write_sha256
from rhoma.errors import InputError, RhomaError
from rhoma.index.representatives import near_copies
from rhoma.rfam import read_clans, read_sequences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MIN_BITS = 40.0
# What a split keeps together is a little more than what the check refuses: searches differ at the border.
MARGIN_BITS = 4.0
SPLITS = ("train", "validation", "test")
SIZE_CLASSES = ("<10", "10-99", ">=100")

_COLUMNS = ("family", "clan", "component", "split")
# A component that holds more than this share of all families is too large to be held out.
_LARGEST_HELD_OUT = 0.01
_LARGE_FAMILY = 150
_FEWEST_LARGE = 20


class LeakError(RhomaError):
    """Related families lie on two sides of a split."""


@dataclass(frozen=True, slots=True)
class SplitRow:
    """Where one family belongs.

    Attributes:
        family: accession.
        clan: clan, or empty.
        component: the first family, alphabetically, of its component.
        split: train, validation or test.
    """

    family: str
    clan: str
    component: str
    split: str


def size_class(count: int) -> str:
    """Returns the size class of a family with that many sequences: ``<10``, ``10-99`` or ``>=100``."""
    return SIZE_CLASSES[0] if count < 10 else SIZE_CLASSES[1] if count < 100 else SIZE_CLASSES[2]


def deduplicate(
    families: Mapping[str, Mapping[str, str]],
    *,
    identity: float,
    coverage: float = 0.8,
    threads: int = 1,
) -> dict[str, dict[str, str]]:
    """Returns the families with one sequence of those that are near copies of one, in the given order.

    Args:
        families: family -> {id: sequence}.
        identity: fraction of identical nucleotides in the alignment to the sequence that stands for the others.
        coverage: fraction of both sequences in that alignment.
        threads: for MMseqs2; the result is the same for any number.

    Raises:
        ToolError: MMseqs2 is missing or failed.
    """
    named = [(family, name) for family, members in families.items() for name in members]
    numbers: dict[str, int] = {}
    number_of = [numbers.setdefault(families[family][name], len(numbers)) for family, name in named]
    distinct = list(numbers)
    longest = max(map(len, distinct), default=0)
    representative = near_copies(distinct, unaligned=longest, identity=identity, coverage=coverage, threads=threads)
    chosen: dict[str, dict[str, str]] = {family: {} for family in families}
    # Copies of one sequence in several families leave one each: redundancy is a matter within families.
    seen: set[tuple[str, int]] = set()
    for (family, name), number in zip(named, number_of, strict=True):
        key = (family, int(representative[number]))
        if key not in seen:
            seen.add(key)
            chosen[family][name] = families[family][name]
    return chosen


def similarity_edges(
    families: Mapping[str, Mapping[str, str]], *, min_bits: float = MIN_BITS, threads: int = 1
) -> set[tuple[str, str]]:
    """Returns the pairs (a < b) of families of which two sequences align at ``min_bits`` or more.

    Every sequence is compared with those of all other families, as query or as target.

    Raises:
        ToolError: MMseqs2 is missing or failed.
    """
    # Alignments within a large family are nearly all of the work and tell nothing: its sequences meet the
    # small families as targets, and the other large families in searches that leave the family itself out.
    large = [family for family, members in families.items() if len(members) > _LARGE_FAMILY]
    small = [family for family in families if family not in set(large)]
    searches = [(small, list(families))] if small else []
    searches += [([family], large[place + 1 :]) for place, family in enumerate(large[:-1])]
    edges: set[tuple[str, str]] = set()
    for asking, asked in searches:
        for a, b, bits in _align(families, asking, asked, threads):
            if a != b and bits >= min_bits:
                edges.add((min(a, b), max(a, b)))
    return edges


def _align(
    families: Mapping[str, Mapping[str, str]], asking: list[str], asked: list[str], threads: int
) -> Iterator[tuple[str, str, float]]:
    return similarity_between(
        {name: families[name] for name in asking}, {name: families[name] for name in asked}, threads=threads
    )


def similarity_between(
    asking: Mapping[str, Mapping[str, str]], asked: Mapping[str, Mapping[str, str]], *, threads: int = 1
) -> Iterator[tuple[str, str, float]]:
    """Yields (family, family, bits) of the alignments between sequences of two sets of families.

    Args:
        asking: family -> {id: sequence}, the queries.
        asked: the targets.
        threads: for MMseqs2.

    Raises:
        ToolError: MMseqs2 is missing or failed.
    """
    with tempfile.TemporaryDirectory(prefix="rhoma_") as directory:
        work = Path(directory)
        for place, families in (("queries", asking), ("targets", asked)):
            _write(work / place, (s for members in families.values() for s in members.values()))
        owners = [[name for name, members in families.items() for _ in members] for families in (asking, asked)]
        places: list[str | Path] = [work / "queries", work / "targets", work / "m8", work / "tmp"]
        options = ["--search-type", "3", "--strand", "2", "-k", "11", "-e", "10", "--max-seqs", "1000"]
        options += ["--format-output", "query,target,bits", "--threads", str(threads), "-v", "1"]
        tools.run(["mmseqs", "easy-search", *places, *options])
        with open(work / "m8", encoding="ascii") as handle:
            for line in handle:
                query, target, bits = line.split("\t")
                yield owners[0][int(query)], owners[1][int(target)], float(bits)


def _write(path: Path, sequences: Iterable[str]) -> None:
    # MMseqs2 guesses proteins from U; as DNA the alphabet is certain.
    path.write_text("".join(f">{n}\n{s.replace('U', 'T')}\n" for n, s in enumerate(sequences)), encoding="ascii")


def components(families: Iterable[str], clans: Mapping[str, str], edges: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Returns family -> the first family, alphabetically, of its component under clans and edges."""
    names = sorted(set(families))
    place = {name: number for number, name in enumerate(names)}
    by_clan: dict[str, str] = {}
    mates = [(name, by_clan.setdefault(clans[name], name)) for name in names if clans.get(name)]
    pairs = np.array([(place[a], place[b]) for a, b in [*mates, *edges] if a in place and b in place], dtype=np.int64)
    rows, columns = pairs.reshape(-1, 2).T
    graph = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(names), len(names)))
    _, labels = connected_components(graph, directed=False)
    _, firsts, component = np.unique(labels, return_index=True, return_inverse=True)
    return {name: names[firsts[number]] for name, number in zip(names, component, strict=True)}


def assign(
    component_of: Mapping[str, str], sizes: Mapping[str, int], *, seed: int = 1, held_out: float = 0.1
) -> dict[str, str]:
    """Returns family -> split: ``held_out`` of each size class for test and validation each, the rest train.

    The test split gets at least 20 of the largest families where there are 80. Whole components are dealt
    out in a seeded order; very large ones (over 1 % of the families) are for training.
    """
    members = defaultdict(list)
    for family in sorted(component_of):
        members[component_of[family]].append(family)
    totals = Counter(size_class(sizes[family]) for family in component_of)
    room = {
        "test": {name: max(round(held_out * count), min(_FEWEST_LARGE, count // 4)) for name, count in totals.items()},
        "validation": {name: round(held_out * count) for name, count in totals.items()},
    }
    order = sorted(members)
    np.random.default_rng(seed).shuffle(order)
    limit = max(2, round(_LARGEST_HELD_OUT * len(component_of)))
    result = {}
    for component in order:
        wanted = Counter(size_class(sizes[family]) for family in members[component])
        split = "train"
        for candidate in ("test", "validation"):
            fits = all(room[candidate][name] >= count for name, count in wanted.items())
            if split == "train" and fits and len(members[component]) <= limit:
                split = candidate
                for name, count in wanted.items():
                    room[candidate][name] -= count
        result.update(dict.fromkeys(members[component], split))
    return {family: result[family] for family in sorted(result)}


def make_split(
    families: Mapping[str, Mapping[str, str]],
    clans: Mapping[str, str],
    sizes: Mapping[str, int],
    *,
    seed: int = 1,
    threads: int = 1,
) -> list[SplitRow]:
    """Returns one row a family, alphabetical, the same for the same input and seed.

    Args:
        families: family -> {id: sequence}, without near copies.
        clans: family -> clan.
        sizes: number of sequences a family has, near copies included, for its size class.
        seed: of the order in which components are dealt out.
        threads: for MMseqs2.

    Raises:
        ToolError: MMseqs2 is missing or failed.
    """
    component_of = components(
        families, clans, similarity_edges(families, min_bits=MIN_BITS - MARGIN_BITS, threads=threads)
    )
    split = assign(component_of, sizes, seed=seed)
    return [SplitRow(f, clans.get(f, ""), component_of[f], split[f]) for f in sorted(split)]


def write_split(path: Path, rows: Iterable[SplitRow]) -> str:
    """Returns the sha256 of the split file it writes; ``<path>.sha256`` says the same as sha256sum does."""
    lines = ["\t".join(_COLUMNS), *("\t".join((r.family, r.clan, r.component, r.split)) for r in rows)]
    with atomic_write(path) as work:
        work.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return write_sha256(path)


def read_split(path: Path) -> list[SplitRow]:
    """Returns the rows of a split file, checked against ``<path>.sha256`` where that file lies beside it.

    Raises:
        InputError: the file is missing, has another header, an unknown split, a family twice, or another
        sha256.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=path) from None
    if not lines or tuple(lines[0].split("\t")) != _COLUMNS:
        raise InputError(f"the first line is not {' '.join(_COLUMNS)!r}", path=path)
    rows = []
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(_COLUMNS) or cells[3] not in SPLITS:
            raise InputError(f"expected {' '.join(_COLUMNS)} with split one of {SPLITS}", path=path, record=number)
        if cells[0] in seen:
            raise InputError("is there twice", path=path, record=cells[0])
        seen.add(cells[0])
        rows.append(SplitRow(*cells))
    check_sha256(path)
    return rows


def check_split(
    rows: Iterable[SplitRow],
    families: Mapping[str, Mapping[str, str]],
    clans: Mapping[str, str],
    *,
    threads: int = 1,
) -> int:
    """Returns the number of relations (clan pairs, similarity edges) examined; none crosses the split.

    Clans and edges are derived anew from ``families`` and ``clans``; what the split file says about clans and
    components is not believed.

    Raises:
        LeakError: a clan or a similarity edge crosses, with the families named.
        InputError: a family has no row.
    """
    split = {row.family: row.split for row in rows}
    missing = sorted(set(families) - set(split))
    if missing:
        raise InputError(f"the split has no row for {len(missing)} families, first {missing[0]}")
    relations = []
    by_clan: dict[str, str] = {}
    for family in sorted(families):
        if clans.get(family):
            first = by_clan.setdefault(clans[family], family)
            if first != family:
                relations.append((first, family, f"both of clan {clans[family]}"))
    edges = similarity_edges(families, threads=threads)
    relations += [(a, b, "similar sequences") for a, b in sorted(edges)]
    crossing = [(a, b, why) for a, b, why in relations if split[a] != split[b]]
    if crossing:
        shown = "; ".join(f"{a} ({split[a]}) and {b} ({split[b]}): {why}" for a, b, why in crossing[:5])
        raise LeakError(f"{len(crossing)} relations cross the split: {shown}")
    return len(relations)


@dataclass(frozen=True, slots=True)
class Families:
    """The families of an Rfam directory.

    Attributes:
        sequences: family -> {id: sequence} without near copies (90 % identity, 80 % coverage).
        sizes: number of different sequences a family has.
        clans: family -> clan.
    """

    sequences: dict[str, dict[str, str]]
    sizes: dict[str, int]
    clans: dict[str, str]


def load(rfam: Path, *, identity: float = 0.9, threads: int = 1) -> Families:
    """Returns the families of an Rfam directory, near copies removed within each.

    Raises:
        InputError: a file is missing or damaged.
        ToolError: MMseqs2 is missing or failed.
    """
    sequences = read_sequences(rfam)
    sizes = {family: len(members) for family, members in sequences.items()}
    return Families(deduplicate(sequences, identity=identity, threads=threads), sizes, read_clans(rfam))
