"""What is known of a hit: evidence that does not rest on a model which the hit itself has built.

Every model of the query that has scored the list is a *look*. A look says something of a hit only if the hit was no
member of its model, and if every member was known by then: its E-value at most the core threshold, by earlier looks. So
a hit of chance that builds the next model never vouches for itself, nor for its relatives. The E-value is the smallest
of the looks that count, times the kinds of models (profile, covariance model) among them::

    E(hit) = models * Z * kinds * min P

Looks of one kind are not counted one by one: models of nearly the same homologs ask nearly the same question, and the
E-values that come out are on the safe side as they are (``benchmarks/evalues.py``, docs/decisions.md).

Ranks are free of this: they are those of the last model, whoever built it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rhoma.search.scoring import TargetHit


@dataclass(frozen=True, slots=True)
class Look:
    """One model's view of the list.

    Attributes:
        members: The homologs that the model was built of, beside the query.
        hits: What it found, best first.
        kind: ``profile`` or ``cm``.
    """

    members: tuple[TargetHit, ...]
    hits: tuple[TargetHit, ...]
    kind: str = "profile"


class Places:
    """Hits by where they lie.

    Args:
        hits: Best first.
    """

    def __init__(self, hits: Iterable[TargetHit]) -> None:
        self._hits: dict[int, list[TargetHit]] = {}
        for hit in hits:
            self._hits.setdefault(hit.sequence, []).append(hit)

    def find(self, hit: TargetHit) -> TargetHit | None:
        """Returns the best hit at this place, on the same strand, or None."""
        others = self._hits.get(hit.sequence, ())
        return next((other for other in others if other.minus == hit.minus and other.shares(hit)), None)

    def __contains__(self, hit: TargetHit) -> bool:
        """Returns whether there is a hit at this place, on either strand."""
        return any(other.shares(hit) for other in self._hits.get(hit.sequence, ()))


def judge(hits: Sequence[TargetHit], looks: Sequence[Look], threshold: float) -> list[float]:
    """Returns the natural logarithm of the P-value of each hit, corrected for the kinds of looks.

    Args:
        hits: What is asked for.
        looks: In the order they were made; the first has no members.
        threshold: Natural logarithm of the P-value up to which a hit may build a model that judges others.
    """
    known = Places(())
    kinds: list[set[str]] = [set() for _ in hits]
    best = [0.0] * len(hits)
    values = [0.0] * len(hits)
    for look in looks:
        if any(known.find(member) is None for member in look.members):
            continue
        members, found = Places(look.members), Places(look.hits)
        for number, hit in enumerate(hits):
            if hit in members:
                continue
            match = found.find(hit)
            kinds[number].add(look.kind)
            best[number] = min(best[number], 0.0 if match is None else match.log_pvalue)
            values[number] = min(0.0, best[number] + math.log(len(kinds[number])))
        known = Places(hit for hit, value in zip(hits, values, strict=True) if value <= threshold)
    return values
