"""Small inputs that a search once got wrong, with the right answers (tests/cases/README.md)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma import SearchConfig, Searcher, read_fasta
from rhoma.alignment import as_cells
from rhoma.index.build import index_database
from rhoma.io.fasta import write_fasta
from rhoma.models.embedder import load_embedder
from rhoma.msa.build import BuildConfig, choose_rows
from rhoma.msa.select import effective_sequences
from rhoma.sequences import Record, reverse_complement
from rhoma.shuffle import dinucleotide_shuffle

if TYPE_CHECKING:
    from rhoma.search import SearchResult

CASES = Path(__file__).parents[1] / "cases"
DEMO = Path(__file__).parents[2] / "assets" / "demo"


def answers(tmp_path: Path, queries: str, database: str, config: SearchConfig) -> list[SearchResult]:
    """Returns the results of the queries of one file in the database of another, with the shipped model."""
    embedder = load_embedder(None, device="cpu", threads=1)
    index_database(read_fasta(CASES / database)[0], embedder, tmp_path / "index", mmseqs=False)
    searcher = Searcher.open(tmp_path / "index", embedder=embedder)
    return searcher.search(read_fasta(CASES / queries)[0], config)


def test_chance_stays_chance_after_rounds(tmp_path: Path) -> None:
    results = answers(tmp_path, "drift_q.fa", "null_db.fa.gz", SearchConfig(effort="fast", evalue=1e-20))
    assert all(hit.evalue > 1e-4 for result in results for hit in result.hits)
    # nothing is aligned that is not that good
    assert [len(result.alignment.rows) for result in results] == [1, 1, 1]


def test_hits_of_chance_rank_after_homologs(tmp_path: Path) -> None:
    """Chance that has built the last model has a high score by it."""
    config = SearchConfig(effort="fast", inclusion_evalue=1e6, inclusion_bits=0)
    (result, *_) = answers(tmp_path, "drift_q.fa", "null_db.fa.gz", config)
    doubtful = [hit for hit in result.hits if hit.evalue > config.evalue]
    assert sum(stats.included for _, stats in result.rounds) > 1
    assert max(hit.score for hit in doubtful) == -math.log10(config.evalue)


@pytest.mark.tool("cmbuild", "cmsearch")
def test_queries_without_homologs_find_chance(tmp_path: Path) -> None:
    """Random sequences and shuffles of real ones, among real sequences and shuffled decoys (benchmarks/evalues.py)."""
    rng = np.random.default_rng(3)
    real = read_fasta(DEMO / "queries.fasta")[0]
    members = read_fasta(DEMO / "database.fasta")[0]
    decoys = [Record(f"decoy_{one.id}", "", dinucleotide_shuffle(one.sequence, rng)) for one in members]
    embedder = load_embedder(None, device="cpu", threads=1)
    index_database([*members, *decoys], embedder, tmp_path / "index", mmseqs=False)
    letters = [dinucleotide_shuffle(one.sequence, rng) for _ in range(4) for one in real]
    letters += ["".join(rng.choice(list("ACGU"), int(length))) for length in rng.integers(40, 250, 12)]
    queries = [Record(f"null{number}", "", text) for number, text in enumerate(letters)]
    searcher = Searcher.open(tmp_path / "index", embedder=embedder)
    for effort, some in (("fast", queries), ("auto", queries[::2]), ("sensitive", queries[1::4])):
        results = searcher.search(some, SearchConfig(effort=effort))
        assert all(hit.evalue > 1e-4 for result in results for hit in result.hits), effort
        # as rare as they say, within what chance and caution allow
        assert sum(hit.evalue <= 1 for result in results for hit in result.hits) <= 3 * len(some)


def test_a_homolog_of_4_kb_is_one_hit(tmp_path: Path) -> None:
    (result,) = answers(tmp_path, "join4k_q.fa", "join4k_db.fa", SearchConfig())
    # a covariance model of each stretch of a long query would take minutes
    assert not any(stats.cm for _, stats in result.rounds)
    (hit,) = [hit for hit in result.hits if hit.evalue <= 1e-3]
    assert abs(hit.qstart - 2) <= 5
    assert abs(hit.qend - 4000) <= 5
    assert abs(hit.tstart - 202) <= 5
    assert abs(hit.tend - 4204) <= 5
    query, target = (np.array(list(row)) for row in result.alignment.rows)
    both = (query != "-") & (target != "-")
    # 91 % identical; a misplaced stretch would be at 25 %
    identity = np.convolve((query == target)[both], np.full(100, 0.01), mode="valid")
    assert both.sum() > 3900
    assert identity.min() > 0.7


@pytest.mark.tool("cmbuild", "cmsearch")
def test_covariance_models_of_a_query_of_two_tiles(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    query = rng.choice(list("ACGU"), 700)
    homolog = np.where(rng.random(700) < 0.2, rng.choice(list("ACGU"), 700), query)
    others = [Record(f"r{n}", "", "".join(rng.choice(list("ACGU"), 300))) for n in range(20)]
    write_fasta(tmp_path / "q.fa", [Record("q", "", "".join(query))])
    write_fasta(tmp_path / "db.fa", [Record("t", "", "".join(homolog)), *others])
    config = SearchConfig(effort="sensitive", iterations=1)
    (result,) = answers(tmp_path, str(tmp_path / "q.fa"), str(tmp_path / "db.fa"), config)
    assert result.failure == ""
    assert [stats.cm for _, stats in result.rounds] == [True, True]
    (hit,) = [hit for hit in result.hits if hit.evalue <= 1e-3]
    assert hit.target == "t"
    assert (hit.qstart <= 20, hit.qend >= 680) == (True, True)


@pytest.mark.slow
def test_a_query_of_31_kb_is_searched_in_tiles(tmp_path: Path) -> None:
    rng = np.random.default_rng(31)
    letters = rng.choice(list("ACGU"), 31_000)
    copy = letters.copy()
    copy[rng.random(len(copy)) < 0.1] = "A"
    write_fasta(tmp_path / "q.fa", [Record("q", "", "".join(letters))])
    write_fasta(tmp_path / "db.fa", [Record("t", "", reverse_complement("".join(copy)))])
    (result,) = answers(tmp_path, str(tmp_path / "q.fa"), str(tmp_path / "db.fa"), SearchConfig(iterations=2))
    (hit,) = [hit for hit in result.hits if hit.evalue <= 1e-3]
    assert (hit.strand, hit.source) == ("-", "profile")
    assert max(hit.qstart, hit.tstart) <= 20
    assert min(hit.qend, hit.tend) >= 31_000 - 20


def test_a_database_of_one_record_of_105_kb(tmp_path: Path) -> None:
    """HMMER refuses targets above 100,000 nt: windows that lie side by side make no region of that length."""
    rng = np.random.default_rng(105)
    letters = "".join(rng.choice(list("ACGU"), 105_000))
    write_fasta(tmp_path / "db.fa", [Record("t", "", letters)])
    write_fasta(tmp_path / "q.fa", [Record(f"q{n}", "", letters[n : n + 120]) for n in (500, 60_000, 104_500)])
    results = answers(tmp_path, str(tmp_path / "q.fa"), str(tmp_path / "db.fa"), SearchConfig(effort="fast"))
    for result, start in zip(results, (500, 60_000, 104_500), strict=True):
        assert result.failure == ""
        (hit,) = [hit for hit in result.hits if hit.evalue <= 1e-3]
        assert (hit.tstart, hit.tend) == (start + 1, start + 120)


def test_hits_end_where_the_shared_element_ends(tmp_path: Path) -> None:
    """60 targets share 150 nt, at 301-450; what lies beside them is unrelated."""
    (result,) = answers(tmp_path, "dom_q.fa", "dom_db.fa", SearchConfig(effort="fast"))
    hits = [hit for hit in result.hits if hit.evalue <= 1e-3]
    assert len({hit.target for hit in hits}) == len(hits) == 60
    beyond = [max(301 - hit.tstart, hit.tend - 450) for hit in hits]
    # nhmmer: 15 nt in the mean, 11 of 60 more than 20
    assert sum(max(0, end) for end in beyond) / 60 <= 15
    assert sum(end > 20 for end in beyond) <= 15


@pytest.mark.parametrize(
    ("queries", "database", "rows"), [("u1_q.fa", "slash_target_db.fa", 6), ("hash_q.fa", "slash_target_db.fa", 6)]
)
def test_names_like_comments_are_searched_and_aligned(tmp_path: Path, queries: str, database: str, rows: int) -> None:
    for result in answers(tmp_path, queries, database, SearchConfig(effort="fast")):
        assert result.failure == ""
        assert len(result.alignment.rows) == 1 + rows


@pytest.mark.parametrize("database", ["nocrowd_db.fa.gz", "crowd_db.fa.gz"])
def test_near_copies_crowd_no_relative_out(tmp_path: Path, database: str) -> None:
    (result,) = answers(tmp_path, "u1_q.fa", database, SearchConfig(effort="fast"))
    found = {hit.target for hit in result.hits if hit.evalue <= 1e-3}
    assert len({name for name in found if name.startswith("remote")}) == 30
    assert not result.full
    assert sum(name.startswith("remote") for name in result.alignment.names) == 30
    kept = result.alignment.keep(choose_rows(result.alignment, BuildConfig()))
    assert 25 <= effective_sequences(as_cells(kept.rows)) <= 40
