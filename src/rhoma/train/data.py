"""Training families: sequences with their base pairs, read once and kept as letter codes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rhoma.errors import InputError
from rhoma.rfam import read_families, read_members, read_seed
from rhoma.train.augment import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from rhoma.train.settings import RunConfig

    # partner and alignment column of every position
    _Aligned = tuple[NDArray[np.int32], NDArray[np.int32]]


@dataclass(slots=True)
class Family:
    """One family: its members as letter codes, and where known their base pairs.

    Attributes:
        name: accession.
        clan: clan accession, or the family's own where it has none.
        members: (n,) uint8 arrays.
        pairs: for each member the partner of every position, or None where no alignment gives it.
        columns: for each member the alignment column of every position, or None.
    """

    name: str
    clan: str
    members: list[NDArray[np.uint8]] = field(default_factory=list)
    pairs: list[NDArray[np.int32] | None] = field(default_factory=list)
    columns: list[NDArray[np.int32] | None] = field(default_factory=list)


def load_families(rfam: Path, keep: Iterable[str], *, min_length: int = 25, max_length: int = 1500) -> list[Family]:
    """Return the families named in `keep`, seed members first, in the order of `families.tsv`.

    Exact duplicates inside a family are dropped.

    Raises:
        InputError: `rfam` lacks a file, or none of the families is there.
    """
    wanted = set(keep)
    table = {f.accession: f for f in read_families(rfam)}
    sequences: dict[str, dict[str, _Aligned | None]] = defaultdict(dict)
    for seed in read_seed(rfam):
        if seed.accession in wanted:
            for _, row in seed.rows:
                sequence, pairs = ungapped_pairs(row, seed.structure)
                columns = np.array([i for i, c in enumerate(row) if c.isalpha()], dtype=np.int32)
                sequences[seed.accession].setdefault(sequence, (pairs, columns))
    for _, family, sequence in read_members(rfam):
        if family in wanted:
            sequences[family].setdefault(sequence, None)
    families = []
    for name, info in table.items():
        usable = [(s, a) for s, a in sequences.get(name, {}).items() if min_length <= len(s) <= max_length]
        if usable:
            families.append(
                Family(
                    name,
                    info.clan or name,
                    [encode(s) for s, _ in usable],
                    [a[0] if a else None for _, a in usable],
                    [a[1] if a else None for _, a in usable],
                )
            )
    if not families:
        raise InputError("none of the families of the split has a usable sequence", path=rfam)
    return families


@dataclass(frozen=True, slots=True)
class Data:
    """What a training reads.

    Attributes:
        rfam: directory with families.tsv, seed.sto.gz and members.fa.gz.
        split: family -> train, validation or test.
        split_text: the split file, kept in the bundle.
    """

    rfam: Path
    split: Mapping[str, str]
    split_text: str

    def families(self, which: str) -> list[str]:
        """Return the families of one split."""
        return [family for family, split in self.split.items() if split == which]

    def load(self, which: str, config: RunConfig) -> list[Family]:
        """Return the families of one split with their members of a length that the settings allow.

        Raises:
            InputError: the files are missing or damaged.
        """
        names = self.families(which)
        return load_families(self.rfam, names, min_length=config.min_length, max_length=config.max_length)


def add_aligned(families: Iterable[Family], directory: Path, *, min_length: int = 25, max_length: int = 1500) -> None:
    """Add the rows of the seed alignments in `directory`, such as samples of models, to their families' members.

    Raises:
        InputError: the alignments are missing or damaged.
    """
    seeds = {seed.accession: seed for seed in read_seed(directory)}
    for family in families:
        if family.name not in seeds:
            continue
        seed = seeds[family.name]
        for _, row in seed.rows:
            sequence, pairs = ungapped_pairs(row, seed.structure)
            if min_length <= len(sequence) <= max_length:
                family.members.append(encode(sequence))
                family.pairs.append(pairs)
                # the columns are the model's, not those of the family's alignment
                family.columns.append(None)


def ungapped_pairs(row: str, structure: str) -> tuple[str, NDArray[np.int32]]:
    """Return an aligned row without gaps (upper-case RNA) and the partner of each position (-1: none).

    `structure` is SS_cons in WUSS; pseudoknot letters are left out. A pair with a gap on either side is no
    pair.
    """
    stacks: dict[str, list[int]] = {c: [] for c in ">)]}"}
    closing = dict(zip("<([{", ">)]}", strict=True))
    partner = np.full(len(structure), -1, dtype=np.int32)
    for column, mark in enumerate(structure):
        if mark in closing:
            stacks[closing[mark]].append(column)
        elif mark in stacks and stacks[mark]:
            other = stacks[mark].pop()
            partner[column], partner[other] = other, column
    present = np.array([c.isalpha() for c in row], dtype=bool)
    position = np.cumsum(present) - 1
    columns = np.flatnonzero(present)
    mates = partner[columns]
    good = (mates >= 0) & present[np.maximum(mates, 0)]
    pairs = np.where(good, position[np.maximum(mates, 0)], -1).astype(np.int32)
    sequence = "".join(c for c in row if c.isalpha()).upper().replace("T", "U")
    return sequence, pairs
