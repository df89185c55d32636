"""Train, validation and test families, such that nothing related crosses.

Two families are related if they share a clan, or if any of their sequences are similar
(rhoma.evaluate.similarity). Components of that relation stay together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from rhoma.artifacts import atomic_write
from rhoma.checksums import check_sha256, write_sha256
from rhoma.errors import InputError, RhomaError
from rhoma.evaluate.similarity import MIN_BITS, deduplicate, similarity_edges
from rhoma.rfam import read_clans, read_sequences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# What a split keeps together is a little more than what the check refuses: searches differ at the border.
MARGIN_BITS = 4.0
SPLITS = ("train", "validation", "test")
SIZE_CLASSES = ("<10", "10-99", ">=100")

_COLUMNS = ("family", "clan", "component", "split")
# A component that holds more than this share of all families is too large to be held out.
_LARGEST_HELD_OUT = 0.01
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
