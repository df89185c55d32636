"""Scoring: what a model of the query, profile or covariance model, finds in regions of targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rhoma.evalue import to_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from pyhmmer.easel import RNA, DigitalSequence

    from rhoma.profile import Model, ProfileScorer
    from rhoma.search.database import Database
    from rhoma.search.retrieval import Region


@dataclass(frozen=True, slots=True, eq=False)
class TargetHit:
    """A stretch of a target that a model has aligned to a tile of the query.

    Attributes:
        sequence: Number of the target.
        minus: Whether the minus strand is like the query.
        start: Start in reading direction (see :mod:`rhoma.search.database`).
        end: End, exclusive.
        columns: (end - start,) int32: position of the tile for each letter, -1 for an inserted one; the first and the
            last letter have one.
        bits: Bit score.
        log_pvalue: Natural logarithm of the P-value in one comparison (``rhoma.evalue.UNIT`` nucleotides).
        source: ``profile`` or ``cm``.
    """

    sequence: int
    minus: bool
    start: int
    end: int
    columns: NDArray[np.int32]
    bits: float
    log_pvalue: float
    source: str = "profile"

    @property
    def qstart(self) -> int:
        """Returns the first position of the tile, 0-based."""
        return int(self.columns[0])

    @property
    def qend(self) -> int:
        """Returns the end on the tile, exclusive."""
        return int(self.columns[-1]) + 1

    @property
    def strand(self) -> tuple[int, bool]:
        """Returns the target and its strand."""
        return self.sequence, self.minus

    @property
    def span(self) -> tuple[int, int]:
        """Returns (start, end) on the + strand, 0-based, half-open."""
        return (-self.end, -self.start) if self.minus else (self.start, self.end)

    def shares(self, other: TargetHit) -> bool:
        """Returns whether the two are the same place: more than half of the shorter one, on either strand.

        The reverse complement of a helix is nearly the helix, so a structured homolog has a weak shadow on its other
        strand.
        """
        if self.sequence != other.sequence:
            return False
        (a, b), (c, d) = self.span, other.span
        return 2 * (min(b, d) - max(a, c)) > min(b - a, d - c)


def best_of(hits: Iterable[TargetHit]) -> list[TargetHit]:
    """Returns the hits, best first, without those that share a place with a better one."""
    kept: dict[int, list[TargetHit]] = {}
    result = []
    for hit in sorted(hits, key=lambda h: (h.log_pvalue, -h.bits, h.sequence, h.minus, h.start)):
        others = kept.setdefault(hit.sequence, [])
        if not any(hit.shares(other) for other in others):
            others.append(hit)
            result.append(hit)
    return result


class Letters:
    """The letters of stretches of targets; regions that HMMER scores are read once.

    Args:
        database: Where they are.
        scorer: HMMER, for the form it takes.
    """

    def __init__(self, database: Database, scorer: ProfileScorer) -> None:
        self._database = database
        self._scorer = scorer
        self._digital: dict[Region, DigitalSequence[RNA]] = {}

    def text(self, sequence: int, minus: bool, start: int, end: int) -> str:
        """Returns the letters of a stretch as the strand reads."""
        return self._database.fetch(sequence, minus, start, end)

    def of(self, hit: TargetHit) -> NDArray[np.uint8]:
        """Returns the letters of a hit as ASCII."""
        text = self.text(hit.sequence, hit.minus, hit.start, hit.end)
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)

    def with_ends(self, hit: TargetHit, length: int, longest: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Returns (columns, ASCII letters) of a hit with what it lacks of the tile's ends, as far as the target goes.

        Args:
            hit: The hit.
            length: Length of the tile.
            longest: Longest end that is added, in nucleotides; one that is longer stays away.
        """
        low, high = self._database.bounds(hit.sequence, hit.minus)
        left = min(hit.qstart, hit.start - low) if hit.qstart <= longest else 0
        right = min(length - hit.qend, high - hit.end) if length - hit.qend <= longest else 0
        before = np.arange(hit.qstart - left, hit.qstart, dtype=np.int32)
        behind = np.arange(hit.qend, hit.qend + right, dtype=np.int32)
        text = self.text(hit.sequence, hit.minus, hit.start - left, hit.end + right)
        return np.concatenate([before, hit.columns, behind]), np.frombuffer(text.encode("ascii"), dtype=np.uint8)

    def digital(self, region: Region) -> DigitalSequence[RNA]:
        """Returns a region as HMMER sees it."""
        if region not in self._digital:
            text = self.text(region.sequence, region.minus, region.start, region.end)
            self._digital[region] = self._scorer.digitize(text)
        return self._digital[region]

    def keep(self, regions: Iterable[Region]) -> None:
        """Forgets all regions but these."""
        wanted = set(regions)
        self._digital = {region: letters for region, letters in self._digital.items() if region in wanted}


def score(scorer: ProfileScorer, model: Model, letters: Letters, regions: Sequence[Region]) -> list[TargetHit]:
    """Returns what the profile finds in regions, best first, one hit a place."""
    hits = []
    for stretch in scorer.score(model, [letters.digital(region) for region in regions]):
        region = regions[stretch.region]
        hits.append(
            TargetHit(
                region.sequence,
                region.minus,
                region.start + stretch.start,
                region.start + stretch.end,
                stretch.columns,
                stretch.bits,
                to_unit(stretch.log_pvalue, region.end - region.start),
            )
        )
    return best_of(hits)


def family(scorer: ProfileScorer, query: str, letters: Letters, members: Sequence[TargetHit]) -> Model:
    """Returns the profile of the query and its homologs."""
    return scorer.family(query, [(hit.columns, letters.of(hit)) for hit in members])
