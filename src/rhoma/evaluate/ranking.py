"""What every method returns: ranked hits, and what they cost."""

from __future__ import annotations

import math
import resource
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rhoma.artifacts import atomic_write
from rhoma.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

COLUMNS = ("query", "target", "strand", "score", "evalue", "seconds")


@dataclass(frozen=True, slots=True)
class RankedHit:
    """One target in a method's list.

    Attributes:
        query: id of the query.
        target: id of the target.
        strand: ``+`` or ``-``.
        score: larger is better.
        evalue: nan where the method has none.
    """

    query: str
    target: str
    strand: str
    score: float
    evalue: float


@dataclass(slots=True)
class Cost:
    """What an action took.

    Attributes:
        wall: seconds on the clock.
        cpu: seconds of this process and the programs it ran, all threads.
    """

    wall: float = 0.0
    cpu: float = 0.0


@dataclass(slots=True)
class Answer:
    """A method's answer to one query.

    Attributes:
        query: its id.
        hits: in any order.
        cost: what it took.
        stages: seconds by stage, where the method tells them.
    """

    query: str
    hits: list[RankedHit]
    cost: Cost
    stages: dict[str, float] = field(default_factory=dict)


def _cpu_seconds() -> float:
    own, programs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + programs.ru_utime + programs.ru_stime


def peak_megabytes() -> float:
    """Returns the largest resident memory so far of this process or of one program that it ran, in MB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e3


@contextmanager
def measured() -> Iterator[Cost]:
    """Gives a cost that is filled in when the block ends."""
    cost = Cost()
    wall, cpu = time.perf_counter(), _cpu_seconds()
    try:
        yield cost
    finally:
        cost.wall, cost.cpu = time.perf_counter() - wall, _cpu_seconds() - cpu


def best_of_targets(hits: Iterable[RankedHit]) -> list[RankedHit]:
    """Returns the best hit of each target of one query, by (score, target)."""
    best: dict[str, RankedHit] = {}
    for hit in hits:
        known = best.get(hit.target)
        if known is None or hit.score > known.score:
            best[hit.target] = hit
    return sorted(best.values(), key=lambda hit: (-hit.score, hit.target))


def write_ranking(path: Path, answers: Iterable[Answer]) -> None:
    """Writes a TSV with one row a query and target, best first, queries in the given order."""
    lines = ["\t".join(COLUMNS)]
    for answer in answers:
        seconds = f"{answer.cost.wall:.4f}"
        for hit in best_of_targets(answer.hits):
            evalue = "" if math.isnan(hit.evalue) else f"{hit.evalue:.3g}"
            lines.append("\t".join((hit.query, hit.target, hit.strand, f"{hit.score:.6g}", evalue, seconds)))
    with atomic_write(path) as work:
        work.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_ranking(path: Path) -> dict[str, list[RankedHit]]:
    """Returns query -> hits of a ranked list.

    Raises:
        InputError: the file is missing, or a line is not as ``write_ranking`` makes it.
    """
    if not path.is_file():
        raise InputError("no such file", path=path)
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise InputError(f"the first line is not {' '.join(COLUMNS)!r}", path=path)
    found: dict[str, list[RankedHit]] = {}
    for number, line in enumerate(lines[1:], start=2):
        try:
            query, target, strand, score, evalue, _ = line.split("\t")
            hit = RankedHit(query, target, strand, float(score), float(evalue) if evalue else math.nan)
        except ValueError:
            raise InputError("is no row of a ranked list", path=path, record=number) from None
        found.setdefault(query, []).append(hit)
    return found
