"""The looks that follow the rounds: what is known of hits where the last models rest on doubtful members.

**The core.** Hits that are known build a model of their own, which judges the others; those that it makes known join,
until nothing is new. Unless the effort is ``fast``, a covariance model of them looks through the whole last list too:
what it finds there is judged like all else.

**A group.** Doubtful members of the last model may be a family that only together says what it is. Two things are then
asked. Does the family, without the query, know the query? No member has bent that evidence, beyond being chosen.
And does every member belong to the family: is it found by the query and the others, without its own fold? The larger
of the two P-values is the member's, and never less than chance needs to bring so many hits one after the other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rhoma.search import covariance
from rhoma.search.chaining import ALONE
from rhoma.search.retrieval import Region
from rhoma.search.scoring import best_of, family, score
from rhoma.search.significance import Look, Places, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rhoma.profile import ProfileScorer
    from rhoma.search.config import SearchConfig
    from rhoma.search.database import Database
    from rhoma.search.retrieval import Shortlist
    from rhoma.search.scoring import Letters, TargetHit

# Times that the core may grow.
MOST_LOOKS = 4
# Doubtful hits of which a covariance model of few homologs is shown the best only.
MOST_DOUBTFUL = 200
# Members of a group are left out in so many parts.
FOLDS = 3
# Most members of a model: more cost time and change nothing.
MOST_MEMBERS = 1000


class Judge:
    """Says what is known of the hits of a tile.

    Args:
        query: Letters of the tile.
        database: Where the hits lie.
        scorer: HMMER.
        letters: Letters of targets.
        config: Settings.
        log_size: Natural logarithm of the comparisons that the search stands for.
    """

    def __init__(
        self,
        query: str,
        database: Database,
        scorer: ProfileScorer,
        letters: Letters,
        config: SearchConfig,
        log_size: float,
    ) -> None:
        self._query = query
        self._database = database
        self._scorer = scorer
        self._letters = letters
        self._config = config
        self._log_size = log_size
        self._limit = math.log(max(config.report_evalue, config.evalue)) - log_size
        # the last covariance model that looked; empty where none did
        self.cm = ""

    def judged(self, looks: Sequence[Look], listed: Shortlist) -> tuple[list[TargetHit], list[float]]:
        """Returns the hits that may be reported, best first, and the natural logarithm of the P-value of each.

        Args:
            looks: Those of the rounds.
            listed: The last list: a covariance model of what is known looks for more in it.
        """
        threshold = math.log(self._config.core) - self._log_size
        made = list(looks)
        hits = self._worthy(made)
        values = judge(hits, made, threshold)
        rows = 0
        for _ in range(MOST_LOOKS):
            known = [hit for hit, value in zip(hits, values, strict=True) if value <= threshold]
            core = known[:MOST_MEMBERS]
            if not core or any(_same(core, look.members) for look in made):
                break
            made.append(self._look(core, hits))
            # a covariance model takes no more rows than these: another one would say the same again
            if self._config.effort != "fast" and rows < covariance.MOST_ROWS:
                look = self._cm_look(known, hits, listed, first=not rows)
                rows = len(known)
                made.append(look)
                hits = best_of([*hits, *(hit for hit in look.hits if hit.log_pvalue <= self._limit)])
            values = judge(hits, made, threshold)
        last = max(looks, key=lambda look: len(look.members))
        members = Places(last.members)
        doubtful = [n for n, hit in enumerate(hits) if values[n] > threshold and hit in members]
        if len(doubtful) > 1:
            for number, value in zip(doubtful, self._together([hits[n] for n in doubtful], looks), strict=True):
                values[number] = min(values[number], value)
        return hits, values

    def _worthy(self, looks: Sequence[Look]) -> list[TargetHit]:
        """Returns the last look's hits, and what it lost of those before, best first.

        Beside such a hit its weaker neighbours on the target stay: they may be parts of it.
        """
        kept: list[TargetHit] = []
        for look in reversed(looks):
            strands = {hit.strand for hit in look.hits if hit.log_pvalue <= self._limit}
            near = [hit for hit in look.hits if hit.strand in strands and hit.log_pvalue <= max(ALONE, self._limit)]
            kept += _beyond(near, kept)
        return best_of(kept)

    def _look(self, members: Sequence[TargetHit], hits: Sequence[TargetHit]) -> Look:
        model = family(self._scorer, self._query, self._letters, members)
        regions = [self._around(hit) for hit in hits]
        return Look(tuple(members), tuple(score(self._scorer, model, self._letters, regions)))

    def _cm_look(
        self, known: Sequence[TargetHit], hits: Sequence[TargetHit], listed: Shortlist, *, first: bool
    ) -> Look:
        """Returns what a covariance model of the best known hits finds where none of the known ones lies.

        Where the first model has few rows and many hits are doubtful, it looks at the best of these alone: they make
        the model that looks at all.
        """
        model = covariance.model_of(self._query, known, self._letters)
        self.cm = model or self.cm
        places = Places(known)
        doubtful = [self._around(hit) for hit in hits if hit not in places]
        if first and len(known) < covariance.MOST_ROWS and len(doubtful) > MOST_DOUBTFUL:
            regions = doubtful[:MOST_DOUBTFUL]
        else:
            regions = [*doubtful, *covariance.unknown_regions(listed, hits)]
        found = covariance.search(model, regions, self._letters, threads=self._config.threads)
        return Look(tuple(known), tuple(found), "cm")

    def _around(self, hit: TargetHit) -> Region:
        low, high = self._database.bounds(hit.sequence, hit.minus)
        pad = self._config.pad
        return Region(hit.sequence, hit.minus, max(low, hit.start - pad), min(high, hit.end + pad))

    def _together(self, group: Sequence[TargetHit], looks: Sequence[Look]) -> list[float]:
        """Returns what is known of the members of a group by the family that they are."""
        rows = [(hit.columns, self._letters.of(hit)) for hit in group]
        model = self._scorer.without_query(len(self._query), rows)
        found = self._scorer.score(model, [self._scorer.digitize(self._query)])
        known = min((stretch.log_pvalue for stretch in found), default=0.0)
        known = max(known, self._chance(group, looks))
        values = [0.0] * len(group)
        for fold in range(FOLDS):
            rest = [hit for number, hit in enumerate(group) if number % FOLDS != fold]
            others = Places(self._look(rest, group).hits)
            for number in range(fold, len(group), FOLDS):
                match = others.find(group[number])
                values[number] = max(known, 0.0 if match is None else match.log_pvalue)
        return values

    def _chance(self, group: Sequence[TargetHit], looks: Sequence[Look]) -> float:
        """Returns the P-value of chance bringing these hits one after the other, each into the model of those before.

        Each factor is the E-value with which a hit was first included; the P-value is that of one comparison, as all.
        """
        total = 0.0
        limit = math.log(self._config.inclusion)
        places = [Places(look.hits) for look in looks]
        for hit in group:
            matches = (place.find(hit) for place in places)
            seen = (match.log_pvalue + self._log_size for match in matches if match is not None)
            total += next((value for value in seen if value <= limit), 0.0)
        return total - self._log_size


def _beyond(hits: Iterable[TargetHit], others: Sequence[TargetHit]) -> list[TargetHit]:
    """Returns the hits that lie where none of the others does."""
    places = Places(others)
    return [hit for hit in hits if hit not in places]


def _same(core: Sequence[TargetHit], members: Sequence[TargetHit]) -> bool:
    places = Places(members)
    return len(core) == len(members) and all(hit in places for hit in core)
