"""Rounds: the homologs found build the next model and look for more, until nothing is new.

This is the only place where the search loops. Everything it calls takes values and gives values back.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rhoma.search import covariance
from rhoma.search.copies import add_copies
from rhoma.search.judgement import MOST_MEMBERS, Judge
from rhoma.search.retrieval import Candidates, Questions, Region, ask, questions_of, shortlist
from rhoma.search.scoring import Letters, best_of, family, score
from rhoma.search.significance import Look, Places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.profile import Model, ProfileScorer
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.search.query import Tile
    from rhoma.search.retrieval import Shortlist
    from rhoma.search.scoring import TargetHit

# The covariance model is asked where the first pass of the profile includes fewer homologs than this.
FEW = 10
# A list grows while its second half holds a homolog in so many windows.
WINDOWS_A_HOMOLOG = 1000


@dataclass(frozen=True, slots=True)
class RoundStats:
    """What one round did.

    Attributes:
        round: 1 for the first.
        shortlist: Windows that were considered.
        regions: Regions that were scored.
        included: Homologs that the model of the next round is built from.
        new: Those that no earlier round had.
        full: Whether the list ended while its tail still scored.
        cm: Whether a covariance model chose too.
        seconds: Wall-clock seconds.
    """

    round: int
    shortlist: int
    regions: int
    included: int
    new: int
    full: bool
    cm: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rounds of one tile leave.

    Attributes:
        tile: The tile.
        hits: By the last model (those it lost by an earlier one), best first, one a place.
        log_pvalues: What is known of each, see :mod:`rhoma.search.significance`.
        stats: One entry a round.
        seconds: Seconds by stage.
    """

    tile: Tile
    hits: tuple[TargetHit, ...]
    log_pvalues: tuple[float, ...]
    stats: tuple[RoundStats, ...]
    seconds: dict[str, float] = field(default_factory=dict)


class Rounds:
    """The search of one tile.

    Args:
        tile: What to look for.
        database: Where.
        scorer: HMMER, for this thread.
        config: Settings.
        size: Comparisons that the search of the whole query stands for.
    """

    def __init__(
        self, tile: Tile, database: Database, scorer: ProfileScorer, config: SearchConfig, size: float
    ) -> None:
        self._tile = tile
        self._database = database
        self._scorer = scorer
        self._config = config
        self._letters = Letters(database, scorer)
        self._log_size = math.log(size)
        self._questions = questions_of(tile)
        self._count = min(config.shortlist, config.longest_shortlist)
        self._candidates = Candidates.none()
        self._asked: set[tuple[int, bool]] = set()
        self._anchored = _anchored(tile, database)
        self._places = self._anchored
        self._cm = ""
        self.seconds = {"retrieve": 0.0, "score": 0.0, "model": 0.0, "cm": 0.0, "judge": 0.0, "copies": 0.0}

    def run(self) -> Outcome:
        """Returns what the rounds leave."""
        config = self._config
        with _Clock(self.seconds, "model"):
            model = self._scorer.single(self._tile.sequence)
        with _Clock(self.seconds, "retrieve"):
            self._candidates = ask(self._database, self._questions, self._count, self._candidates)
        looks: list[Look] = []
        stats: list[RoundStats] = []
        members: list[TargetHit] = []
        known = Places(())
        everyone: list[TargetHit] = []
        by_cm: list[TargetHit] = []
        for number in range(1, config.iterations + 1):
            began = time.perf_counter()
            listed, hits, full = self._score(model)
            looks.append(Look(tuple(members), tuple(hits)))
            found = self._include(hits)
            places = Places(found)
            chosen = [*found, *(hit for hit in by_cm if hit not in places)]
            new = [hit for hit in chosen if hit not in known]
            asked_cm = self._asks_cm(number, chosen, new)
            if asked_cm:
                # while homologs are few, the query alone is asked: what it says is known of nobody else
                look = self._ask_cm(chosen if number > 1 else (), listed, chosen)
                looks.append(look)
                places = Places(chosen)
                more = [hit for hit in self._include(look.hits) if hit not in places]
                by_cm += more
                chosen += more
                new += [hit for hit in more if hit not in known]
            everyone += new
            known = Places(everyone)
            stats.append(
                RoundStats(
                    number,
                    listed.windows,
                    len(listed.regions),
                    len(chosen),
                    len(new),
                    full,
                    asked_cm,
                    time.perf_counter() - began,
                )
            )
            if number == config.iterations or not new:
                break
            members = chosen[:MOST_MEMBERS]
            with _Clock(self.seconds, "model"):
                model = family(self._scorer, self._tile.sequence, self._letters, members)
            self._expand(new)
            self._places = [*self._anchored, *map(_region, everyone)]
        with _Clock(self.seconds, "judge"):
            judge = Judge(self._tile.sequence, self._database, self._scorer, self._letters, config, self._log_size)
            final, values = judge.judged(looks, listed)
        with _Clock(self.seconds, "copies"):
            cm = judge.cm or self._cm
            final, values = add_copies(
                final, values, self._database, self._scorer, model, cm, self._letters, threads=config.threads
            )
        return Outcome(self._tile, tuple(final), tuple(values), tuple(stats), self.seconds)

    def _score(self, model: Model) -> tuple[Shortlist, list[TargetHit], bool]:
        """Returns the list, what the model finds in it, and whether it ended full.

        It grows while its second half holds homologs, enough of them to pay for it.
        """
        config = self._config
        scored: dict[Region, None] = {}
        hits: list[TargetHit] = []
        while True:
            with _Clock(self.seconds, "score"):
                listed = shortlist(
                    self._database,
                    self._candidates.top(self._count),
                    len(self._tile.sequence),
                    config.pad,
                    self._places,
                )
                fresh = [region for region in listed.regions if region not in scored]
                hits = best_of([*hits, *score(self._scorer, model, self._letters, fresh)])
                scored.update(dict.fromkeys(fresh))
            tail = self._in_tail(listed, hits) if listed.windows >= self._count else 0
            pays = tail * WINDOWS_A_HOMOLOG >= listed.windows - listed.windows // 2
            if not (tail and pays) or self._count >= config.longest_shortlist:
                self._letters.keep(listed.regions)
                return listed, hits, tail > 0
            self._count = min(2 * self._count, config.longest_shortlist)
            with _Clock(self.seconds, "retrieve"):
                self._candidates = ask(self._database, self._questions, self._count, self._candidates)

    def _in_tail(self, listed: Shortlist, hits: Sequence[TargetHit]) -> int:
        """Returns how many homologs the second half of the list holds."""
        tail = {
            (region.sequence, region.minus)
            for region, rank in zip(listed.regions, listed.rank.tolist(), strict=True)
            if listed.windows // 2 <= rank < listed.windows
        }
        return sum(hit.strand in tail for hit in self._include(hits))

    def _include(self, hits: Sequence[TargetHit]) -> list[TargetHit]:
        """Returns the hits that build the next model."""
        limit = math.log(self._config.inclusion) - self._log_size
        chosen = [hit for hit in hits if hit.log_pvalue <= limit and hit.bits >= self._config.inclusion_bits]
        return chosen[:MOST_MEMBERS]

    def _asks_cm(self, number: int, chosen: Sequence[TargetHit], new: Sequence[TargetHit]) -> bool:
        """Returns whether the covariance model is asked: where the first pass finds few, or nothing more is new."""
        effort = self._config.effort
        return effort != "fast" and (effort == "sensitive" or not new or (number == 1 and len(chosen) < FEW))

    def _ask_cm(self, members: Sequence[TargetHit], listed: Shortlist, known: Sequence[TargetHit]) -> Look:
        with _Clock(self.seconds, "cm"):
            self._cm = covariance.model_of(self._tile.sequence, members, self._letters)
            regions = covariance.unknown_regions(listed, known)
            # models of the rounds have found no more by their whole length (docs/decisions.md)
            found = covariance.search(self._cm, regions, self._letters, whole=False, threads=self._config.threads)
        return Look(tuple(members), tuple(found), "cm")

    def _expand(self, new: Sequence[TargetHit]) -> None:
        """Asks the index for the neighbours of the best new homologs."""
        rows: list[int] = []
        minus: list[bool] = []
        offsets: list[int] = []
        for hit in new[: self._config.expansion]:
            over, begins = self._database.rows_over(hit.sequence, hit.minus, hit.start, hit.end)
            for row, begin in zip(over.tolist(), begins.tolist(), strict=True):
                if (row, hit.minus) not in self._asked:
                    self._asked.add((row, hit.minus))
                    rows.append(row)
                    minus.append(hit.minus)
                    offsets.append(hit.qstart + begin - hit.start)
        if not rows:
            return
        with _Clock(self.seconds, "retrieve"):
            vectors = self._database.index.vectors(np.array(rows, dtype=np.int64))
            more = Questions(vectors, np.array(minus), np.array(offsets, dtype=np.int64))
            self._questions += more
            self._candidates = ask(self._database, more, self._count, self._candidates)


def _region(hit: TargetHit) -> Region:
    return Region(hit.sequence, hit.minus, hit.start, hit.end)


def _anchored(tile: Tile, database: Database) -> list[Region]:
    """Returns where the tile lies by what another tool found; targets that were deleted since are left out."""
    places = []
    for anchor in tile.anchors:
        sequence = database.index.sequence_of(anchor.name)
        if sequence is None:
            continue
        minus = anchor.strand == "-"
        low, high = database.bounds(sequence, minus)
        start, end = (-anchor.end, -anchor.start) if minus else (anchor.start, anchor.end)
        first = min(start, start - (anchor.qstart - tile.offset))
        last = max(end, first + len(tile.sequence))
        if first < high and last > low:
            places.append(Region(sequence, minus, max(low, first), min(high, last)))
    return places


class _Clock:
    """Adds the seconds of a block to a stage."""

    def __init__(self, seconds: dict[str, float], stage: str) -> None:
        self._seconds, self._stage = seconds, stage

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self._seconds[self._stage] += time.perf_counter() - self._began
