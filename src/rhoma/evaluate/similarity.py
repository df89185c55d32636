"""Similar sequences of families (MMseqs2): near copies within one, and alignments between two.

Two families are similar if any of their sequences align to each other at 40 bits or more, on either strand. The
threshold is in bits, not an E-value: it does not depend on how many sequences are searched.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rhoma import tools
from rhoma.index.representatives import near_copies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MIN_BITS = 40.0

_LARGE_FAMILY = 150


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
