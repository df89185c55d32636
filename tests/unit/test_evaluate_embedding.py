from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from rhoma.evaluate.atlas import atlas
from rhoma.evaluate.embedding import (
    Space,
    figures_of,
    kmer_space,
    learned_space,
    nearest_clan,
    nearest_family,
    project,
    silhouettes,
)

if TYPE_CHECKING:
    from rhoma.models.embedder import Embedder


def space(vectors: np.ndarray, families: list[str], clans: list[str]) -> Space:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [str(n) for n in range(len(families))]
    return Space(names, families, clans, (unit @ unit.T).astype(np.float32))


def test_silhouettes_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 8))
    labels = [f"F{n % 5}" for n in range(40)]
    found = silhouettes(space(vectors, labels, [""] * 40).similarity, labels)
    np.testing.assert_allclose(found, silhouette_samples(vectors, labels, metric="cosine"), atol=1e-5)


def test_a_family_of_one_has_no_silhouette() -> None:
    vectors = np.array([[1, 0.0], [1, 0.1], [0, 1.0]])
    found = silhouettes(space(vectors, ["A", "A", "B"], [""] * 3).similarity, ["A", "A", "B"])
    assert found[:2].min() > 0.9
    assert math.isnan(found[2])


def test_nearest_neighbours_by_hand() -> None:
    # Two pairs that stand together, one of family A torn apart; B's neighbour outside its family is a clan-mate.
    vectors = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0.3], [0, 1, 0.2], [0.1, 1, 0]])
    here = space(vectors, ["A", "A", "B", "B", "C"], ["", "", "CL", "CL", "CL"])
    np.testing.assert_array_equal(nearest_family(here), [0, 0, 1, 1, np.nan])
    np.testing.assert_array_equal(nearest_clan(here), [np.nan, np.nan, 1, 1, 1])
    row = figures_of("x", here)
    assert (row["nn_family"], row["nn_clan"], row["clan_sequences"], row["families"]) == (0.5, 1.0, 3, 3)


def test_a_space_of_windows_and_one_of_kmers(toy_embedder: Embedder) -> None:
    rng = np.random.default_rng(1)
    base = ["".join(rng.choice(list("ACGU"), size=300)) for _ in range(3)]
    sequences = {f"{n}{c}": text[c * 5 :] for n, text in enumerate(base) for c in range(3)}
    labels = {name: (f"F{name[0]}", "") for name in sequences}
    learned, vectors = learned_space(sequences, labels, toy_embedder)
    assert vectors.shape == (9, toy_embedder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for found in (learned, kmer_space(sequences, labels)):
        np.testing.assert_allclose(np.diag(found.similarity), 1, atol=1e-4)
        assert nearest_family(found).tolist() == [1.0] * 9


def test_the_projection_is_repeatable() -> None:
    vectors = np.random.default_rng(2).standard_normal((30, 8)).astype(np.float32)
    flat = project(vectors)
    np.testing.assert_array_equal(flat, project(vectors))
    assert flat.shape == (30, 2)
    assert (flat.min(), flat.max()) == (0.0, 1.0)
    assert project(vectors[:2]).shape == (2, 2)


def test_the_atlas_holds_its_points() -> None:
    html = atlas([{"id": "q", "family": "F", "clan": "none", "type": "t", "x": 0.123456, "y": 1.0}])
    assert '"x": 0.1235' in html
    assert "http" not in html


@pytest.mark.parametrize("count", [1, 4])
def test_few_points(count: int) -> None:
    assert project(np.eye(4, dtype=np.float32)[:count]).shape == (count, 2)
