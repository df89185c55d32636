"""Every vector index, fresh and read back, passes the same tests; faiss.knn is the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma.index import topk
from rhoma.index.approximate import Expansion, distinct
from rhoma.index.segment import choose_kind, vector_index

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

KINDS = ["flat", "hnsw", "ivfpq"]
# Share of the true neighbours that a kind has to find in these data.
RECALL = {"flat": 1.0, "hnsw": 0.99, "ivfpq": 0.9}


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clustered(n: int, dimension: int, seed: int) -> NDArray[np.float32]:
    """Unit rows in tight clusters, as families are, a tenth of them exact copies of one row."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((20, dimension))
    rows = unit(centres[rng.integers(20, size=n)] + 0.5 * rng.standard_normal((n, dimension)))
    rows[rng.random(n) < 0.1] = rows[0]
    return rows


def oracle(vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    kept = vectors.astype(np.float16).astype(np.float32)
    scores, _ = faiss.knn(queries, kept, k, metric=faiss.METRIC_INNER_PRODUCT)
    return scores


@pytest.fixture(params=[(kind, state) for kind in KINDS for state in ("fresh", "saved")], ids="-".join)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[NDArray[np.float32]], Any]:
    """Returns what makes an index of vectors."""
    kind, state = request.param

    def build(vectors: NDArray[np.float32]) -> Any:
        index = vector_index(kind)(vectors.shape[1])
        index.add(vectors)
        if state == "saved":
            index.write(tmp_path)
            index = vector_index(kind).read(tmp_path)
        assert index.kind == kind
        return index

    return build


@pytest.mark.parametrize("k", [1, 10, 200])
def test_scores_agree_with_brute_force(make: Any, k: int):
    vectors, queries = clustered(1500, 32, 1), clustered(20, 32, 2)
    index = make(vectors)
    assert len(index) == 1500
    scores, rows = index.search(queries, k)
    assert scores.shape == rows.shape == (20, k)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    kept = vectors.astype(np.float16).astype(np.float32)
    # Whatever is found has its exact score.
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", kept[rows], queries), atol=1e-5)
    true = oracle(vectors, queries, k)
    assert np.mean(scores >= true[:, -1:] - 1e-5) >= RECALL[index.kind]
    for line in range(20):
        order = list(zip((-scores[line]).tolist(), rows[line].tolist(), strict=True))
        assert order == sorted(order)
        assert len(set(rows[line].tolist())) == k


def test_ties_are_broken_by_row(make: Any):
    vectors = clustered(600, 16, 3)
    vectors[50:350] = vectors[40]
    index = make(vectors)
    _, rows = index.search(vectors[40:41], 100)
    assert rows[0].tolist() == [40, *range(50, 149)]


def test_rows_that_are_not_alive_are_never_found(make: Any):
    vectors = clustered(800, 16, 4)
    alive = np.random.default_rng(5).random(800) < 0.3
    index = make(vectors)
    scores, rows = index.search(vectors[:10], 50, alive=alive)
    assert alive[rows].all()
    true = oracle(vectors[alive], vectors[:10], 50)
    assert np.mean(scores >= true[:, -1:] - 1e-5) >= RECALL[index.kind]
    _, rows = index.search(vectors[:10], 5, alive=np.zeros(800, dtype=bool))
    assert (rows == -1).all()


def test_fewer_vectors_than_asked_for(make: Any):
    vectors = clustered(3, 8, 6)
    scores, rows = make(vectors).search(vectors[:2], 5)
    assert sorted(rows[0, :3].tolist()) == [0, 1, 2]
    assert (rows[:, 3:] == -1).all()
    assert (scores[:, 3:] == -np.inf).all()
    one = make(vectors[:1]).search(vectors[:1], 1)
    assert one[1].tolist() == [[0]]


def test_no_vectors_and_no_queries(make: Any):
    vectors = clustered(30, 8, 7)
    index = make(vectors)
    assert index.search(np.empty((0, 8), dtype=np.float32), 4)[1].shape == (0, 4)


def test_wrong_shapes_and_numbers_are_refused(make: Any):
    vectors = clustered(300, 8, 8)
    index = make(vectors)
    with pytest.raises(ValueError, match=r"not \(n, 8\)"):
        index.search(np.ones((1, 9), dtype=np.float32), 1)
    with pytest.raises(ValueError, match="not finite"):
        index.search(np.full((1, 8), np.nan, dtype=np.float32), 1)
    with pytest.raises(ValueError, match="not finite"):
        vector_index(index.kind)(8).add(np.full((1, 8), np.inf, dtype=np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_vectors_give_the_same_bytes(kind: Any, tmp_path: Path):
    vectors = clustered(1000, 16, 9)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        index = vector_index(kind)(16)
        index.add(vectors)
        index.write(tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert "vectors.npy" in names
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_flat_grows_and_approximate_kinds_do_not():
    vectors = clustered(300, 8, 10)
    index = vector_index("flat")(8)
    index.add(vectors[:100])
    index.add(vectors[100:])
    np.testing.assert_allclose(index.search(vectors[:5], 7)[0], oracle(vectors, vectors[:5], 7), atol=1e-5)
    graph = vector_index("hnsw")(8)
    graph.add(vectors)
    with pytest.raises(ValueError, match="once"):
        graph.add(vectors)


def test_the_graph_has_the_size_that_was_asked_for(tmp_path: Path):
    index = vector_index("hnsw")(8)
    index.add(clustered(300, 8, 11))
    index.write(tmp_path)
    graph = faiss.read_index(str(tmp_path / "ann.faiss"))
    assert graph.metric_type == faiss.METRIC_INNER_PRODUCT
    assert graph.hnsw.efConstruction == 200
    assert graph.hnsw.nb_neighbors(1) == 64


def test_kinds_by_size():
    assert [choose_kind("auto", n) for n in (0, 99_999, 100_000)] == ["flat", "flat", "hnsw"]
    assert [choose_kind("flat", 10**6), choose_kind("hnsw", 10), choose_kind("ivfpq", 10)] == [
        "flat",
        "hnsw",
        "ivfpq",
    ]
    assert choose_kind("hnsw", 0) == "flat"


levels = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, -np.inf]), max_size=60)


@given(levels, st.integers(1, 70))
def test_best_is_a_stable_sort(values: list[float], k: int):
    expected = sorted((-value, place) for place, value in enumerate(values) if value > -np.inf)[:k]
    assert topk.best(np.array(values, dtype=np.float32), k).tolist() == [place for _, place in expected]


@given(st.integers(0, 2**32 - 1), st.integers(1, 3000), st.integers(1, 400))
def test_best_of_many_is_a_stable_sort(seed: int, distinct_values: int, k: int):
    values = np.random.default_rng(seed).integers(distinct_values, size=40_000).astype(np.float32)
    expected = np.lexsort((np.arange(len(values)), -values))[:k]
    assert topk.best(values, k).tolist() == expected.tolist()


@given(st.lists(levels, min_size=1, max_size=4), st.integers(1, 20))
def test_merged_parts_are_the_best_of_the_whole(parts: list[list[float]], k: int):
    found, offset = [], 0
    for part in parts:
        values = np.array(part, dtype=np.float32)
        places = topk.best(values, k)
        scores, rows = topk.empty(1, k)
        scores[0, : len(places)], rows[0, : len(places)] = values[places], places + offset
        found.append((scores, rows))
        offset += len(part)
    whole = np.array([value for part in parts for value in part], dtype=np.float32)
    places = topk.best(whole, k)
    scores, rows = topk.merge(found, k)
    assert rows[0].tolist() == places.tolist() + [-1] * (k - len(places))
    assert scores[0, : len(places)].tolist() == whole[places].tolist()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_equal_vectors_are_grouped_and_expanded(labels: list[int], data: st.DataObject):
    vectors = np.eye(6, dtype=np.float16)[labels]
    firsts, groups = distinct(vectors)
    assert firsts.tolist() == sorted(labels.index(label) for label in set(labels))
    assert (vectors[firsts][groups] == vectors).all()
    expansion = Expansion(groups)
    chosen = data.draw(st.lists(st.sampled_from(range(len(expansion))), unique=True))
    rows = sorted(expansion.rows(np.array(chosen, dtype=np.int64)).tolist())
    assert rows == [row for row, group in enumerate(groups) if group in chosen]
    alive = np.array([label % 2 == 0 for label in labels])
    expected = [bool(alive[groups == group].any()) for group in range(len(expansion))]
    assert expansion.any_of(alive).tolist() == expected
