"""All vector indexes, fresh, read back and in three segments, pass the same tests; faiss.knn is the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rhoma.index import nearest, topk
from rhoma.index.approximate import Codebook, Expansion, coarse_class, distinct
from rhoma.index.build import PQ_FROM, choose_kind
from rhoma.index.flat import FlatIndex
from rhoma.index.nearest import Part
from rhoma.index.pq import shared_axes
from rhoma.index.rows import Rows, quantise, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

KINDS = ["flat", "pq", "hnsw", "ivfpq"]
# Share of the true neighbours that a kind has to find in these data.
RECALL = {"flat": 1.0, "pq": 0.99, "hnsw": 0.99, "ivfpq": 0.9}


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clustered(n: int, dimension: int, seed: int) -> NDArray[np.float32]:
    """Unit rows in tight clusters, as families are, a tenth of them exact copies of one row."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((20, dimension))
    rows = unit(centres[rng.integers(20, size=n)] + 0.5 * rng.standard_normal((n, dimension)))
    rows[rng.random(n) < 0.1] = rows[0]
    return rows


def kept(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns vectors as they are stored."""
    rows = Rows.of(vectors)
    return rows.take(np.arange(len(rows)))


def oracle(vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    scores, _ = faiss.knn(queries, kept(vectors), k, metric=faiss.METRIC_INNER_PRODUCT)
    return scores


class Built:
    """Vectors in segments of one kind."""

    def __init__(self, kind: Any, vectors: NDArray[np.float32], segments: int, path: Path | None):
        self.kind = kind
        sample = kept(vectors)
        codebook = None if kind == "flat" else Codebook.train(kind, sample, len(vectors))
        if codebook is not None and path is not None:
            codebook.write(path)
            codebook = Codebook.read(path, kind)
        self.parts: list[Part] = []
        for number, block in enumerate(np.array_split(vectors, segments)):
            first = 0 if not self.parts else self.parts[-1].first + len(self.parts[-1].rows)
            rows = Rows.of(block)
            if path is not None:
                (path / str(number)).mkdir()
                rows = write_rows(
                    path / str(number), lambda a, b, m=block: quantise(m[a:b]), len(block), block.shape[1]
                )
            index: Any = FlatIndex(rows)
            if codebook is not None:
                index = coarse_class(kind).make(codebook, rows)
                if path is not None:
                    index.write(path / str(number))
                    index = coarse_class(kind).read(path / str(number))
            assert index.kind == kind
            self.parts.append(Part(first, rows, index))

    def __len__(self) -> int:
        return sum(len(part.index) for part in self.parts)

    def search(
        self, queries: NDArray[np.float32], k: int, alive: NDArray[np.bool_] | None = None, floor: float = -np.inf
    ) -> Any:
        parts = self.parts
        if alive is not None:
            parts = [Part(p.first, p.rows, p.index, alive[p.first : p.first + len(p.rows)]) for p in parts]
        return nearest.search(parts, queries, k, floor)


STATES = {"fresh": (1, False), "saved": (1, True), "three": (3, False)}


@pytest.fixture(params=[(kind, state) for kind in KINDS for state in STATES], ids="-".join)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Built]:
    """Returns what makes an index of vectors."""
    kind, state = request.param
    segments, saved = STATES[state]
    return lambda vectors: Built(kind, vectors, min(segments, len(vectors)), tmp_path if saved else None)


@pytest.mark.parametrize("k", [1, 10, 200])
def test_scores_agree_with_brute_force(make: Any, k: int):
    vectors, queries = clustered(1500, 32, 1), clustered(20, 32, 2)
    index = make(vectors)
    assert len(index) == 1500
    scores, rows = index.search(queries, k)
    assert scores.shape == rows.shape == (20, k)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    # Whatever is found has its exact score.
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", kept(vectors)[rows], queries), atol=1e-5)
    true = oracle(vectors, queries, k)
    assert np.mean(scores >= true[:, -1:] - 1e-5) >= RECALL[index.kind]
    for line in range(20):
        order = list(zip((-scores[line]).tolist(), rows[line].tolist(), strict=True))
        assert order == sorted(order)
        assert len(set(rows[line].tolist())) == k


def test_rows_below_the_floor_are_left_out(make: Any):
    vectors, queries = clustered(3000, 32, 1), clustered(20, 32, 2)
    true = oracle(vectors, queries, 60)
    index = make(vectors)
    for k in (60, 3000):
        found = 0
        for number in range(20):
            floor = float(true[number, 40])
            scores, rows = index.search(queries[number : number + 1], k, floor=floor)
            kept_rows = rows[0] >= 0
            assert (scores[0][kept_rows] >= floor).all()
            assert (scores[0][~kept_rows] == -np.inf).all()
            exact = np.einsum("kd,d->k", kept(vectors)[rows[0][kept_rows]], queries[number])
            np.testing.assert_allclose(scores[0][kept_rows], exact, atol=1e-5)
            found += int((scores[0] >= floor + 1e-5).sum())
        assert found >= 0.97 * RECALL[index.kind] * 20 * 40


def test_ties_are_broken_by_row(make: Any):
    vectors = clustered(600, 16, 3)
    vectors[50:350] = vectors[40]
    index = make(vectors)
    _, rows = index.search(vectors[40:41], 100)
    assert rows[0].tolist() == [40, *range(50, 149)]


def test_more_equal_rows_than_are_looked_at_at_first(make: Any, monkeypatch: pytest.MonkeyPatch):
    vectors = unit(np.random.default_rng(3).standard_normal((900, 16)))
    vectors[100:] = vectors[40]
    index = make(vectors)
    for part in index.parts:
        monkeypatch.setattr(type(part.index), "wanted", lambda self, k, total: k)
    scores, rows = index.search(vectors[40:41], 100)
    assert rows[0].tolist() == [40, *range(100, 199)]
    assert len(set(scores[0].tolist())) == 1


def test_rows_that_are_not_alive_are_never_found(make: Any):
    vectors = clustered(800, 16, 4)
    alive = np.random.default_rng(5).random(800) < 0.3
    index = make(vectors)
    scores, rows = index.search(vectors[:10], 50, alive)
    assert alive[rows].all()
    true = oracle(vectors[alive], vectors[:10], 50)
    assert np.mean(scores >= true[:, -1:] - 1e-5) >= RECALL[index.kind]
    scores, rows = index.search(vectors[:10], 5, np.zeros(800, dtype=bool))
    assert (rows == -1).all()
    assert (scores == -np.inf).all()
    alive[:] = False
    alive[[3, 700]] = True
    scores, rows = index.search(vectors[:10], 5, alive)
    assert [sorted(line) for line in rows.tolist()] == [[-1, -1, -1, 3, 700]] * 10
    assert ((rows >= 0) == (scores > -np.inf)).all()


def test_fewer_vectors_than_asked_for(make: Any):
    vectors = clustered(3, 8, 6)
    scores, rows = make(vectors).search(vectors[:2], 5)
    assert sorted(rows[0, :3].tolist()) == [0, 1, 2]
    assert (rows[:, 3:] == -1).all()
    assert (scores[:, 3:] == -np.inf).all()


def test_one_vector(make: Any):
    vectors = clustered(1, 8, 6)
    assert make(vectors).search(vectors, 1)[1].tolist() == [[0]]


def test_no_queries(make: Any):
    assert make(clustered(30, 8, 7)).search(np.empty((0, 8), dtype=np.float32), 4)[1].shape == (0, 4)


@pytest.mark.parametrize("dimension", [1, 5, 10, 33])
def test_any_dimension(make: Any, dimension: int):
    vectors = unit(np.random.default_rng(0).standard_normal((400, dimension)))
    scores, _ = make(vectors).search(vectors[:20], 1)
    np.testing.assert_allclose(scores[:, 0], oracle(vectors, vectors[:20], 1)[:, 0], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_vectors_give_the_same_bytes(kind: Any, tmp_path: Path):
    vectors = clustered(1000, 16, 9)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Built(kind, vectors, 1, tmp_path / name)
    files = sorted(path for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert "vectors.npy" in {path.name for path in files}
    assert ("codebook.faiss" in {path.name for path in files}) == (kind != "flat")
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.parametrize("kind", ["flat", "pq"])
@pytest.mark.parametrize("k", [1, 30, 700])
def test_segments_do_not_change_one_bit_of_the_answer(kind: Any, k: int, monkeypatch: pytest.MonkeyPatch):
    vectors = clustered(4000, 32, 12)
    queries = clustered(30, 32, 13)
    if kind == "pq":
        # a list so short that it misses some
        monkeypatch.setattr("rhoma.index.pq.PqIndex.wanted", lambda self, k, total: k + 20)
    alive = np.random.default_rng(5).random(4000) < 0.9
    answers = [Built(kind, vectors, segments, None).search(queries, k, alive) for segments in (1, 2, 10)]
    for scores, rows in answers[1:]:
        np.testing.assert_array_equal(rows, answers[0][1])
        np.testing.assert_array_equal(scores, answers[0][0])


def test_kinds_may_stand_side_by_side():
    vectors, queries = clustered(3000, 16, 14), clustered(5, 16, 15)
    parts: list[Part] = []
    for first, kind in ((0, "flat"), (1000, "pq"), (2000, "hnsw")):
        part = Built(kind, vectors[first : first + 1000], 1, None).parts[0]
        parts.append(Part(first, part.rows, part.index))
    scores, _ = nearest.search(parts, queries, 20)
    np.testing.assert_allclose(scores, oracle(vectors, queries, 20), atol=1e-5)


def test_the_graph_has_the_size_that_was_asked_for(tmp_path: Path):
    Built("hnsw", clustered(300, 8, 11), 1, tmp_path)
    graph = faiss.read_index(str(tmp_path / "0" / "approximate.faiss"))
    assert graph.metric_type == faiss.METRIC_INNER_PRODUCT
    assert graph.hnsw.efConstruction == 200
    assert graph.hnsw.nb_neighbors(1) == 64


def test_the_codes_of_a_row_take_half_a_byte_for_six_axes(tmp_path: Path):
    Built("pq", unit(np.random.default_rng(0).standard_normal((500, 1024))), 1, tmp_path)
    whole = faiss.read_index(str(tmp_path / "0" / "approximate.faiss"))
    index = faiss.downcast_index(whole.index)
    assert (index.pq.M, index.pq.nbits, index.code_size) == (172, 4, 86)


@given(st.integers(1, 70))
def test_axes_of_large_and_small_variance_share_a_sub_quantiser(dimension: int):
    groups = -(-dimension // 12) * 2
    variances = np.random.default_rng(dimension).random(dimension)
    order = shared_axes(variances, groups)
    assert sorted(order[order >= 0].tolist()) == list(range(dimension))
    sums = np.where(order >= 0, variances[order], 0).reshape(groups, 6).sum(axis=1)
    if dimension % 12 == 0 and dimension > 12:
        in_order = np.sort(variances).reshape(groups, 6).sum(axis=1)
        assert sums.max() - sums.min() <= in_order.max() - in_order.min()


def test_kinds_by_size():
    assert [choose_kind("auto", n) for n in (0, PQ_FROM - 1, PQ_FROM, 10**8)] == ["flat", "flat", "pq", "pq"]
    assert [choose_kind(kind, 10) for kind in ("flat", "pq", "hnsw", "ivfpq")] == ["flat", "pq", "hnsw", "ivfpq"]
    assert choose_kind("hnsw", 0) == "flat"


@given(arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.floats(-1, 1, width=32)))
def test_stored_rows_are_unit_rows_close_to_the_given_ones(vectors: NDArray[np.float32]):
    if not np.abs(vectors).max(axis=1).all() or (np.abs(vectors).max(axis=1) < 1e-20).any():
        with pytest.raises(ValueError, match="zero"):
            Rows.of(np.where(np.abs(vectors) < 1e-20, 0, vectors))
        return
    rows = Rows.of(vectors)
    stored = rows.take(np.arange(len(rows)))
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-6)
    given_unit = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    # half a step of each component, and as much again for the length
    assert np.abs(stored - given_unit).max() <= 2 * 0.5 / 7 * np.sqrt(vectors.shape[1])
    again = quantise(stored)
    np.testing.assert_array_equal(again[0], rows.codes)
    cosines = rows.cosines(stored[0], np.arange(len(rows)))
    np.testing.assert_allclose(cosines, stored @ stored[0], atol=1e-5)


def test_wrong_shapes_and_numbers_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        Rows.of(np.full((1, 8), np.inf, dtype=np.float32))
    with pytest.raises(ValueError, match="zero"):
        Rows.of(np.zeros((1, 8), dtype=np.float32))


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


def test_few_finite_scores_among_many():
    rng = np.random.default_rng(0)
    scores = np.full(40_000, -np.inf, dtype=np.float32)
    finite = np.sort(rng.choice(40_000, 50, replace=False))
    scores[finite] = rng.random(50, dtype=np.float32)
    places = topk.best(scores, 100)
    assert sorted(places.tolist()) == finite.tolist()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_equal_vectors_are_grouped_and_expanded(labels: list[int], data: st.DataObject):
    vectors = np.eye(6, dtype=np.float32)[labels]
    firsts, groups = distinct(Rows.of(vectors))
    assert sorted(firsts.tolist()) == sorted(labels.index(label) for label in set(labels))
    assert (vectors[firsts][groups] == vectors).all()
    expansion = Expansion(groups)
    chosen = data.draw(st.lists(st.sampled_from(range(len(expansion))), unique=True))
    scores, rows = expansion.expand(np.array(chosen, dtype=np.float32), np.array(chosen, dtype=np.int64))
    assert sorted(rows.tolist()) == [row for row, group in enumerate(groups) if group in chosen]
    assert scores.tolist() == [float(groups[row]) for row in rows]
