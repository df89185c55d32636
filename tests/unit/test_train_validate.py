"""The figures that select a model, against counts by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rhoma.errors import InputError  # noqa: E402
from rhoma.train.augment import encode  # noqa: E402
from rhoma.train.data import Family  # noqa: E402
from rhoma.train.validate import Validation  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rhoma.train.data import Family as Record


@pytest.fixture(scope="module")
def validation(tiny_families: list[Record]) -> Validation:
    return Validation(tiny_families[:6], tiny_families[6:], window=64, stride=32, background=20)


def random_vectors(size: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((size, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_a_slow_count(validation: Validation, seed: int) -> None:
    query = random_vectors(len(validation.query_windows), seed)
    target = random_vectors(len(validation.target_windows), seed + 100)
    found = validation.measure(query, target)
    clans = [*validation.clans, "none"]
    for number, family in enumerate(validation.query_family):
        best: dict[int, float] = {}
        for row, one in enumerate(query):
            if validation.query_of[row] == number:
                for column, other in enumerate(target):
                    place = int(validation.target_of[column])
                    best[place] = max(best.get(place, -2.0), float(one @ other))
        mates = {p for p in best if clans[validation.target_family[p]] == clans[family]}
        true = {p for p in best if validation.target_family[p] == family}
        ranked = sorted((p for p in best if p in true or p not in mates), key=lambda p: -best[p])
        precisions = [
            sum(p in true for p in ranked[: rank + 1]) / (rank + 1) for rank, p in enumerate(ranked) if p in true
        ]
        assert found["learned_map"][number] == pytest.approx(np.mean(precisions))
        ten = sum(p in true for p in ranked[:10]) / min(len(true), 10)
        assert found["learned_recall10"][number] == pytest.approx(ten)


def test_targets_that_score_alike_share_their_places(validation: Validation) -> None:
    query = np.ones((len(validation.query_windows), 1), dtype=np.float32)
    target = np.ones((len(validation.target_windows), 1), dtype=np.float32)
    found = validation.measure(query, target)["learned_map"]
    clans = np.array([*validation.clans, "none"])
    for value, family in zip(found, validation.query_family, strict=True):
        true = validation.target_family == family
        counted = true | (clans[validation.target_family] != clans[family])
        assert value == pytest.approx(true.sum() / counted.sum())


def test_there_must_be_something_to_find() -> None:
    lone = Family("RF1", "RF1", [encode("ACGU" * 12)], [None], [None])
    with pytest.raises(InputError, match="nothing to retrieve"):
        Validation([lone], [lone], window=64, stride=32)
