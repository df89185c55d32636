from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhoma import tools
from rhoma.profile import ProfileScorer, Stretch, best_part

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RNG = np.random.default_rng(11)


def random_rna(length: int) -> str:
    return "".join(RNG.choice(list("ACGU"), length))


def mutate(sequence: str, rate: float) -> str:
    return "".join(c if RNG.random() > rate else str(RNG.choice(list("ACGU"))) for c in sequence)


def run(query: str, targets: list[str]) -> list[Stretch]:
    scorer = ProfileScorer()
    return scorer.score(scorer.single(query), map(scorer.digitize, targets))


def place(stretch: Stretch) -> tuple[int, int, int, int]:
    return int(stretch.columns[0]), int(stretch.columns[-1]) + 1, stretch.start, stretch.end


def test_an_exact_copy_has_its_coordinates() -> None:
    query = random_rna(90)
    flank = random_rna(40)
    (stretch,) = [s for s in run(query, [flank + query + flank, random_rna(170)]) if s.region == 0]
    assert place(stretch) == (0, 90, 40, 130)
    assert stretch.columns.tolist() == list(range(90))


def test_an_insertion_in_the_target_has_no_position() -> None:
    query = random_rna(100)
    (stretch,) = run(query, [query[:50] + "ACGACG" + query[50:]])
    assert place(stretch) == (0, 100, 0, 106)
    assert (stretch.columns < 0).sum() == 6
    known = stretch.columns[stretch.columns >= 0]
    assert known.tolist() == list(range(100))


@pytest.mark.tool("hmmsearch")
def test_scores_and_pvalues_are_those_of_hmmsearch(tmp_path: Path) -> None:
    scorer = ProfileScorer()
    query = random_rna(80)
    targets = [mutate(query, rate) + random_rna(60) for rate in (0.05, 0.15, 0.25, 0.35)]
    targets += [random_rna(200) for _ in range(30)]
    model = scorer.single(query)
    found = scorer.score(model, map(scorer.digitize, targets))
    with (tmp_path / "q.hmm").open("wb") as handle:
        model.hmm.write(handle)
    (tmp_path / "t.fa").write_text("".join(f">{i}\n{t}\n" for i, t in enumerate(targets)))
    command = ["hmmsearch", "-Z", "500", "--domZ", "500", "--F1", "0.1", "--F2", "0.05", "--F3", "0.01"]
    command += ["-E", "1e9", "--domE", "1e9", "--domtblout", str(tmp_path / "out"), "-o", "/dev/null"]
    tools.run([*command, str(tmp_path / "q.hmm"), str(tmp_path / "t.fa")])
    expected = []
    for line in (tmp_path / "out").read_text().splitlines():
        if not line.startswith("#"):
            cells = line.split()
            expected.append((int(cells[0]), float(cells[12]), float(cells[13]), int(cells[17]), int(cells[18])))
    assert len(expected) >= 3
    # a domain of which nothing scores is no stretch
    assert {s.region for s in found} <= {region for region, *_ in expected}
    for stretch in found:
        near = [row for row in expected if row[0] == stretch.region and row[3] - 1 <= stretch.start < row[4]]
        assert any(
            bits == pytest.approx(stretch.bits, abs=0.06)
            and math.exp(stretch.log_pvalue) * 500 == pytest.approx(min(evalue, 500), rel=0.06)
            # ends may be taken in, not out
            and low - 1 <= stretch.start < stretch.end <= high
            for _, evalue, bits, low, high in near
        )


def test_the_model_of_a_family_keeps_the_positions_of_the_query() -> None:
    scorer = ProfileScorer()
    query = random_rna(80)
    # homologs carry ten letters that the query lacks
    homologs = [mutate(query[:40] + "GAUUACAGAU" + query[40:], 0.1) for _ in range(6)]
    regions = [scorer.digitize(h) for h in homologs]
    first = scorer.score(scorer.single(query), regions)
    rows = [(s.columns, np.frombuffer(homologs[s.region][s.start : s.end].encode(), dtype=np.uint8)) for s in first]
    model = scorer.family(query, rows)
    assert model.hmm.M == 80
    again = scorer.score(model, regions)
    assert {s.region for s in again} == set(range(6))
    assert all(s.columns[0] <= 2 and s.columns[-1] >= 77 for s in again)
    assert max(s.bits for s in again) > max(s.bits for s in first)


def test_a_family_without_the_query_knows_the_query_if_it_is_one_of_it() -> None:
    scorer = ProfileScorer()
    query = random_rna(90)
    columns = np.arange(90, dtype=np.int32)
    rows = [(columns, np.frombuffer(mutate(query, 0.3).encode(), dtype=np.uint8)) for _ in range(8)]
    model = scorer.without_query(90, rows)
    (own,) = scorer.score(model, [scorer.digitize(query)])
    assert own.log_pvalue < math.log(1e-10)
    assert all(s.log_pvalue > math.log(1e-5) for s in scorer.score(model, [scorer.digitize(random_rna(90))]))


@pytest.mark.parametrize("query", ["U" * 60, "ACGUACGUACGUACG", "ACGUNNRYKMACGUUGACAACGNNNNACGU", "N" * 20 + "ACGUA"])
def test_odd_queries_make_models(query: str) -> None:
    for stretch in run(query, [query, "U" * 80, random_rna(100)]):
        assert 0 <= stretch.columns[0] <= stretch.columns[-1] < len(query)
        assert len(stretch.columns) == stretch.end - stretch.start


def test_identical_targets_tie_and_keep_their_order() -> None:
    query = random_rna(70)
    found = run(query, [query] * 5)
    assert [s.region for s in found] == [0, 1, 2, 3, 4]
    assert len({s.bits for s in found}) == 1


def test_the_same_search_twice_is_the_same() -> None:
    query = random_rna(120)
    targets = [mutate(query, 0.3) for _ in range(10)]
    assert [(place(s), s.bits) for s in run(query, targets)] == [(place(s), s.bits) for s in run(query, targets)]


def test_scores_do_not_depend_on_the_other_regions() -> None:
    query = random_rna(90)
    near = mutate(query, 0.2)
    alone = run(query, [near])[0]
    among = next(s for s in run(query, [random_rna(90) for _ in range(20)] + [near]) if s.region == 20)
    assert (alone.log_pvalue, alone.bits) == (among.log_pvalue, among.bits)


@given(st.lists(st.integers(-5, 5), max_size=20))
def test_the_best_part_has_the_largest_sum_and_is_the_shortest_such(values: list[int]) -> None:
    array: NDArray[np.float64] = np.array(values, dtype=np.float64)
    start, end = best_part(array)
    sums = {(a, b): sum(values[a:b]) for a in range(len(values)) for b in range(a + 1, len(values) + 1)}
    best = max(sums.values(), default=0)
    if best <= 0:
        assert (start, end) == (0, 0)
        return
    assert sums[start, end] == best
    # neither end can be taken in without loss
    assert values[start] > 0
    assert values[end - 1] > 0


def test_any_number_of_threads_finds_the_same() -> None:
    query = random_rna(60)
    regions = [random_rna(40) + mutate(query, 0.2) + random_rna(90) for _ in range(250)]
    found = []
    for threads in (1, 3):
        scorer = ProfileScorer(threads=threads)
        stretches = scorer.score(scorer.single(query), [scorer.digitize(region) for region in regions])
        found.append([(s.region, s.start, s.end, s.columns.tolist(), s.bits, s.log_pvalue) for s in stretches])
    assert len(found[0]) > 200
    assert found[0] == found[1]
