from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma import tools
from rhoma.profile import ProfileScorer, matches

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.profile import Match

RNG = np.random.default_rng(11)


def random_rna(length: int) -> str:
    return "".join(RNG.choice(list("ACGU"), length))


def mutate(sequence: str, rate: float) -> str:
    return "".join(c if RNG.random() > rate else str(RNG.choice(list("ACGU"))) for c in sequence)


def run(query: str, targets: list[str], size: float = 100.0) -> list[Match]:
    scorer = ProfileScorer()
    model = scorer.single(scorer.digitize("q", query))
    block = scorer.block(scorer.digitize(str(i), t) for i, t in enumerate(targets))
    return matches(scorer.score(model, block, size), model, query)


def test_an_exact_copy_has_its_coordinates_and_full_identity() -> None:
    query = random_rna(90)
    flank = random_rna(40)
    (match,) = [m for m in run(query, [flank + query + flank, random_rna(170)]) if m.region == 0]
    (segment,) = match.segments
    assert (segment.qstart, segment.qend) == (0, 90)
    assert (segment.start, segment.end) == (40, 130)
    assert (segment.length, segment.identical, segment.gapopens) == (90, 90, 0)


def test_an_insertion_in_the_target_is_a_gap() -> None:
    query = random_rna(100)
    (match,) = run(query, [query[:50] + "ACGACG" + query[50:]])
    (segment,) = match.segments
    assert segment.length == 106
    assert segment.gapopens == 1
    assert segment.identical >= 98
    assert segment.end - segment.start == 106
    assert segment.qend - segment.qstart == 100


@pytest.mark.tool("hmmsearch")
def test_scores_and_places_are_those_of_hmmsearch(tmp_path: Path) -> None:
    scorer = ProfileScorer()
    query = random_rna(80)
    targets = [mutate(query, rate) + random_rna(60) for rate in (0.05, 0.15, 0.25, 0.35)] + [
        random_rna(200) for _ in range(30)
    ]
    model = scorer.single(scorer.digitize("q", query))
    block = scorer.block(scorer.digitize(str(i), t) for i, t in enumerate(targets))
    found = matches(scorer.score(model, block, 500.0), model, query)
    with (tmp_path / "q.hmm").open("wb") as handle:
        model.hmm.write(handle)
    (tmp_path / "t.fa").write_text("".join(f">{i}\n{t}\n" for i, t in enumerate(targets)))
    command = ["hmmsearch", "-Z", "500", "--domZ", "500", "--F1", "0.1", "--F2", "0.05", "--F3", "0.01"]
    command += ["-E", "1e9", "--domE", "1e9", "--domtblout", str(tmp_path / "out"), "-o", "/dev/null"]
    tools.run([*command, str(tmp_path / "q.hmm"), str(tmp_path / "t.fa")])
    expected = {}
    for line in (tmp_path / "out").read_text().splitlines():
        if not line.startswith("#"):
            cells = line.split()
            expected.setdefault(int(cells[0]), (float(cells[6]), float(cells[7]), []))[2].append(
                (int(cells[17]), int(cells[18]), float(cells[13]))
            )
    assert len(expected) >= 3
    assert {m.region for m in found} == set(expected)
    for match in found:
        evalue, bits, domains = expected[match.region]
        assert match.bits == pytest.approx(bits, abs=0.06)
        assert math.exp(match.log_pvalue) * 500 == pytest.approx(evalue, rel=0.06)
        mine = [(s.start + 1, s.end) for s in match.segments]
        assert mine == sorted((low, high) for low, high, _ in domains)


def test_the_model_of_an_alignment_knows_the_query_positions() -> None:
    scorer = ProfileScorer()
    query = random_rna(80)
    # homologs carry ten letters that the query lacks
    homologs = [mutate(query[:40] + "GAUUACAGAU" + query[40:], 0.1) for _ in range(6)]
    first = scorer.single(scorer.digitize("q", query))
    block = scorer.block(scorer.digitize(str(i), t) for i, t in enumerate(homologs))
    hits = scorer.score(first, block, 100.0)
    for hit in hits:
        hit.included = True
        for domain in hit.domains:
            domain.included = True
    model = scorer.from_alignment(scorer.align(hits, first), first.query)
    known = [p for p in model.positions if p >= 0]
    assert known == sorted(set(known))
    assert len(known) >= 76
    again = matches(scorer.score(model, block, 100.0), model, query)
    assert len(again) == 6
    assert all(m.segments[0].qstart <= 2 and m.segments[-1].qend >= 78 for m in again)
    rows = scorer.align_text(hits, first)
    assert rows[0][0] == "q"
    assert "".join(c for c in rows[0][1] if c.isalpha()).upper() == query
    assert rows[-1][0] == "RF"
    assert len({len(letters) for _, letters in rows}) == 1


@pytest.mark.parametrize("query", ["U" * 60, "ACGUACGUACGUACG", "ACGUNNRYKMACGUUGACAACGNNNNACGU", "N" * 20 + "ACGUA"])
def test_odd_queries_make_models(query: str) -> None:
    found = run(query, [query, "U" * 80, random_rna(100)])
    assert all(0 <= s.qstart < s.qend <= len(query) for m in found for s in m.segments)


def test_identical_targets_tie_and_keep_their_order() -> None:
    query = random_rna(70)
    found = run(query, [query] * 5)
    assert [m.region for m in found] == [0, 1, 2, 3, 4]
    assert len({m.bits for m in found}) == 1


def test_the_same_search_twice_is_the_same() -> None:
    query = random_rna(120)
    targets = [mutate(query, 0.3) for _ in range(10)]
    assert run(query, targets) == run(query, targets)


def test_evalues_scale_with_the_database_and_not_with_the_shortlist() -> None:
    query = random_rna(90)
    near = mutate(query, 0.2)
    alone = run(query, [near], 10.0)[0]
    among = next(m for m in run(query, [random_rna(90) for _ in range(20)] + [near], 1e6) if m.region == 20)
    assert alone.log_pvalue == among.log_pvalue
    assert alone.bits == among.bits
