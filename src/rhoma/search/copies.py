"""Near copies: the index searches one sequence for many, and what it stands for is scored once that one is met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhoma.search import covariance
from rhoma.search.retrieval import Region, cut_region
from rhoma.search.scoring import best_of, score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.profile import Model, ProfileScorer
    from rhoma.search.database import Database
    from rhoma.search.scoring import Letters, TargetHit


def add_copies(
    hits: Sequence[TargetHit],
    values: Sequence[float],
    database: Database,
    scorer: ProfileScorer,
    model: Model,
    cm: str,
    letters: Letters,
    *,
    threads: int = 1,
) -> tuple[list[TargetHit], list[float]]:
    """Returns the hits and what is known of them, with those of the near copies of their targets.

    A copy is homologous to what it copies beyond doubt, so nothing more is known of it than of that; nor less than its
    own score says. Of the two P-values the larger is the copy's.

    Args:
        hits: Best first.
        values: What is known of each (:mod:`rhoma.search.significance`).
        database: Where they lie.
        scorer: HMMER.
        model: The last profile.
        cm: The last covariance model, for copies of what it alone has found; empty where there is none.
        letters: Letters of targets.
        threads: For the covariance model.
    """
    known: dict[tuple[int, bool], tuple[float, str]] = {}
    for hit, value in zip(hits, values, strict=True):
        for copy in database.index.represented(hit.sequence).tolist():
            place = (copy, hit.minus)
            known[place] = min(known.get(place, (value, hit.source)), (value, hit.source))
    found: list[TargetHit] = []
    for source in ("profile", "cm"):
        regions = [
            region
            for place, (_, by) in known.items()
            if by == source
            for region in cut_region(Region(*place, *database.bounds(*place)), 2 * model.hmm.M)
        ]
        if regions:
            found += (
                covariance.search(cm, regions, letters, threads=threads)
                if source == "cm"
                else score(scorer, model, letters, regions)
            )
    more = best_of(found)
    return [*hits, *more], [*values, *(max(known[hit.strand][0], hit.log_pvalue) for hit in more)]
