"""The looks that follow the rounds: how often a covariance model is asked, and of what."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.search import covariance, judgement
from rhoma.search.config import SearchConfig
from rhoma.search.judgement import Judge
from rhoma.search.retrieval import Region, Shortlist
from rhoma.search.scoring import TargetHit
from rhoma.search.significance import Look

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 1000
WIDTH = 50


class Targets:
    """A database that knows how long its targets are."""

    def bounds(self, sequence: int, minus: bool) -> tuple[int, int]:
        return 0, WIDTH


def hit(sequence: int, evalue: float) -> TargetHit:
    log_pvalue = math.log(evalue / SIZE)
    return TargetHit(sequence, False, 0, WIDTH, np.arange(WIDTH, dtype=np.int32), -log_pvalue, log_pvalue)


@pytest.mark.parametrize(
    ("most_rows", "most_doubtful", "looks"),
    # the last: many are doubtful, so the first model, which could take more rows, is shown the best three
    [(2, 9, [6]), (5, 9, [6, 5]), (2, 3, [6]), (5, 3, [3, 5])],
)
def test_a_model_of_all_the_rows_it_takes_looks_once_and_never_at_what_is_known(
    monkeypatch: pytest.MonkeyPatch, most_rows: int, most_doubtful: int, looks: list[int]
) -> None:
    # each look of the profile makes one more known; two are known from the first, and the list holds eight
    evalues = {number: 1e-9 if number < 2 else 1.0 for number in range(8)}
    asked: list[list[int]] = []

    def score(*arguments: Any) -> list[TargetHit]:
        better = min((n for n, value in evalues.items() if value > 1e-3), default=0)
        evalues[better] = 1e-9
        return [hit(number, value) for number, value in evalues.items()]

    def search(model: str, regions: Sequence[Region], letters: object, *, threads: int) -> list[TargetHit]:
        assert threads == 3
        asked.append([region.sequence for region in regions])
        return []

    monkeypatch.setattr(judgement, "family", lambda *arguments: None)
    monkeypatch.setattr(judgement, "score", score)
    monkeypatch.setattr(covariance, "model_of", lambda *arguments: "model")
    monkeypatch.setattr(covariance, "search", search)
    monkeypatch.setattr(covariance, "MOST_ROWS", most_rows)
    monkeypatch.setattr(judgement, "MOST_LOOKS", 2)
    monkeypatch.setattr(judgement, "MOST_DOUBTFUL", most_doubtful)
    listed = Shortlist(tuple(Region(number, False, 0, WIDTH) for number in range(8)), np.arange(8), 8)
    nothing: Any = None
    targets: Any = Targets()
    judge = Judge("A" * WIDTH, targets, nothing, nothing, SearchConfig(threads=3), math.log(SIZE))
    first = Look((), tuple(hit(number, value) for number, value in evalues.items()))
    hits, values = judge.judged([first], listed)
    assert [len(regions) for regions in asked] == looks
    assert all({0, 1}.isdisjoint(regions) for regions in asked)
    known = {h.sequence for h, value in zip(hits, values, strict=True) if value <= math.log(1e-3 / SIZE)}
    assert known >= {0, 1, 2}
