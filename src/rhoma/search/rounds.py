"""Rounds: the homologs found build the next model and look for more, until nothing is new."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from rhoma.profile import Model, ProfileScorer, matches
from rhoma.search.outcome import Outcome, RoundStats
from rhoma.search.piece import padding
from rhoma.search.regions import Choice, Region, anchor_regions, candidate_regions, merge_regions
from rhoma.search.retrieve import RankedList, Retrieval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pyhmmer.easel import RNA, DigitalMSA

    from rhoma.profile import Hits
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.search.piece import Piece
    from rhoma.search.sensitive import CovarianceStep

# Alignments beyond this many homologs cost time and change no model.
MOST_INCLUDED = 1000


class Rounds:
    """The search of one piece.

    Args:
        database: Where to look.
        scorer: HMMER, for this thread.
        piece: What to look for.
        config: Settings.
        covariance: With ``sensitive``, what picks the first homologs.
    """

    def __init__(
        self,
        database: Database,
        scorer: ProfileScorer,
        piece: Piece,
        config: SearchConfig,
        covariance: CovarianceStep | None = None,
    ) -> None:
        self.database = database
        self.scorer = scorer
        self.piece = piece
        self.config = config
        self.covariance = covariance
        self.retrieval = Retrieval(database.index, config.shortlist)
        self.seconds = {"retrieve": 0.0, "score": 0.0, "model": 0.0, "expand": 0.0}
        self._anchored = anchor_regions(database, piece.anchors)
        self._pad = padding(config, len(piece.sequence), database.window)
        self._known: dict[tuple[int, str], list[tuple[int, int]]] = {}
        self._own = RankedList()
        self._asked: set[int] = set()
        self._row_of: dict[int, list[tuple[int, int]]] = {}

    def retrieve(self) -> None:
        """Searches the query's own windows."""
        began = time.perf_counter()
        self.retrieval.by_vectors(self.piece.plus, 0)
        self.retrieval.by_vectors(self.piece.minus, 1)
        self._own = RankedList(self.retrieval.list.candidates, self.retrieval.list.scores)
        self.seconds["retrieve"] += time.perf_counter() - began

    def run(self) -> Outcome:
        """Returns what the last round left."""
        query = self.scorer.digitize(self.piece.name, self.piece.sequence)
        began = time.perf_counter()
        model = self.scorer.single(query)
        self.seconds["model"] += time.perf_counter() - began
        self.retrieve()
        stats: list[RoundStats] = []
        for number in range(1, self.config.rounds + 1):
            started = time.perf_counter()
            outcome = self._score(model)
            last = number == self.config.rounds
            alignment: DigitalMSA[RNA] | None = None
            if number == 1 and self.covariance is not None and not last:
                alignment, chosen = self.covariance.first_homologs(outcome)
            if alignment is None:
                chosen = self._include(outcome)
            new = self._remember(outcome.regions, chosen)
            stats.append(
                RoundStats(
                    number,
                    len(self.retrieval.shortlist()),
                    len(outcome.regions),
                    len(chosen),
                    len(new),
                    time.perf_counter() - started,
                )
            )
            if last or not new:
                break
            began = time.perf_counter()
            if alignment is None:
                alignment = self.scorer.align(outcome.hits, outcome.model)
            try:
                model = self.scorer.from_alignment(alignment, query)
            except ValueError:
                # no column that the homologs share: what was found stands
                break
            finally:
                self.seconds["model"] += time.perf_counter() - began
            self._expand(outcome.regions, new)
        outcome.stats = stats
        outcome.seconds = self.seconds
        return outcome

    def _score(self, model: Model) -> Outcome:
        began = time.perf_counter()
        candidates = self.retrieval.shortlist()
        stretches = candidate_regions(self.database, candidates)
        regions, where = merge_regions(
            stretches + self._anchored + self._kept(), self.database.index.lengths, self._pad
        )
        self._row_of = {}
        for candidate, stretch, region in zip(candidates.tolist(), stretches, where.tolist(), strict=False):
            self._row_of.setdefault(region, []).append((stretch.start, candidate // 2))
        cosines = self._cosines(candidates, where, len(regions))
        block = self.scorer.block(
            self.scorer.digitize(str(i), self.database.fetch(r.sequence, r.start, r.end, r.strand))
            for i, r in enumerate(regions)
        )
        hits = self.scorer.score(model, block, self.piece.size)
        found = matches(hits, model, self.piece.sequence)
        self.seconds["score"] += time.perf_counter() - began
        return Outcome(model, regions, found, hits, cosines, list(dict.fromkeys(where.tolist())), self._own)

    def _cosines(self, candidates: NDArray[np.int64], where: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        """Returns the best cosine of each region, nan where no vector met it."""
        cosines = np.full(count, np.nan)
        ranked = self.retrieval.list.best()
        for candidate, region in zip(candidates.tolist(), where.tolist(), strict=False):
            cosines[region] = np.fmax(cosines[region], ranked[candidate])
        return cosines

    def _kept(self) -> list[Region]:
        """Returns the homologs so far: what built the model is scored by it, whatever the lists say now."""
        return [
            Region(sequence, strand, start, end)
            for (sequence, strand), stretches in self._known.items()
            for start, end in stretches
        ]

    def _include(self, outcome: Outcome) -> list[Choice]:
        """Returns the homologs that build the next model, best first, and mark them in HMMER's result."""
        limit = math.log(self.config.inclusion_evalue) - math.log(self.piece.size)
        chosen: list[Choice] = []
        marked: set[tuple[int, int]] = set()
        taken: dict[int, list[tuple[int, int]]] = {}
        for match in outcome.found:
            if match.bits < self.config.inclusion_bits or match.log_pvalue > limit:
                continue
            best = max(match.segments, key=lambda s: (s.bits, -s.start))
            region = outcome.regions[match.region]
            for segment in match.segments:
                if segment is not best and segment.bits < self.config.inclusion_bits:
                    continue
                start, end = region.locate(segment.start, segment.end)
                # a hairpin is like its own reverse complement: the better strand alone counts
                others = taken.setdefault(region.sequence, [])
                if any(start < e and s < end for s, e in others) or len(chosen) >= MOST_INCLUDED:
                    continue
                others.append((start, end))
                chosen.append(Choice(match.region, start, end))
                marked.add((match.region, segment.domain))
        mark(outcome.hits, marked)
        return chosen

    def _remember(self, regions: Sequence[Region], chosen: Sequence[Choice]) -> list[Choice]:
        """Returns those of the chosen that overlap no homolog of an earlier round, and keep them."""
        new = []
        for choice in chosen:
            region = regions[choice.region]
            known = self._known.get((region.sequence, region.strand), ())
            if not any(choice.start < end and start < choice.end for start, end in known):
                new.append(choice)
        for choice in new:
            region = regions[choice.region]
            self._known.setdefault((region.sequence, region.strand), []).append((choice.start, choice.end))
        return new

    def _expand(self, regions: Sequence[Region], new: Sequence[Choice]) -> None:
        """Asks the index for the neighbours of the best new homologs."""
        began = time.perf_counter()
        rows: tuple[list[int], list[int]] = ([], [])
        for choice in new[: self.config.expansion]:
            region = regions[choice.region]
            near = self._row_of.get(choice.region)
            if near:
                row = min(near, key=lambda place: (abs(place[0] - choice.start), place[1]))[1]
                over = self.database.rows_over(row, choice.start, choice.end).tolist()
                side = rows[region.strand == "-"]
                side += [row for row in over if row not in self._asked]
                self._asked.update(over)
        for minus, side in enumerate(rows):
            if side:
                self.retrieval.by_vectors(self.database.index.vectors(np.array(side, dtype=np.int64)), minus)
        self.seconds["expand"] += time.perf_counter() - began


def mark(hits: Hits, domains: set[tuple[int, int]]) -> None:
    """Marks the domains, given as (region, number of the domain), that ``TopHits.to_msa`` will align."""
    regions = {region for region, _ in domains}
    for hit in hits:
        region = int(hit.name)
        hit.included = region in regions
        for number, domain in enumerate(hit.domains):
            domain.included = (region, number) in domains
