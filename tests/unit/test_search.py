"""Whole searches over a small index: places, strands, copies, statistics, alignments, determinism."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.index.add import add_segment
from rhoma.index.build import build_index
from rhoma.index.bundle import Index
from rhoma.index.change import delete
from rhoma.io.m8 import Anchor
from rhoma.io.stockholm import format_stockholm, parse_stockholm
from rhoma.search import Database, SearchConfig, Searcher, SearchResult, embed_queries, search
from rhoma.search.outputs import write_results
from rhoma.search.query import stored_vectors
from rhoma.sequences import Record, reverse_complement
from rhoma.store import write_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rhoma.hits import Hit

RNG = np.random.default_rng(5)


def random_rna(length: int) -> str:
    return "".join(RNG.choice(list("ACGU"), length))


def mutate(sequence: str, rate: float, rng: np.random.Generator = RNG) -> str:
    return "".join(c if rng.random() > rate else str(rng.choice(list("ACGU"))) for c in sequence)


ANCESTOR = random_rna(100)
LONG = random_rna(2600)
FAMILY = [Record(f"fam{i}", "", mutate(ANCESTOR, 0.12)) for i in range(6)]
CONTIG = Record("contig", "", random_rna(700) + reverse_complement(mutate(ANCESTOR, 0.08)) + random_rna(900))
COPY = Record("copy", "", FAMILY[0].sequence)
TWICE = Record("twice", "", random_rna(150) + mutate(ANCESTOR, 0.1) + random_rna(400) + mutate(ANCESTOR, 0.1))
LONGS = [
    Record("long+", "", random_rna(300) + mutate(LONG, 0.15) + random_rna(200)),
    Record("long-", "", random_rna(100) + reverse_complement(mutate(LONG, 0.15)) + random_rna(400)),
]
NOISE = [Record(f"noise{i}", "", random_rna(int(RNG.integers(60, 500)))) for i in range(60)]
DATABASE = [*FAMILY, CONTIG, COPY, TWICE, *LONGS, *NOISE]
QUERY = Record("query", "", ANCESTOR)


def toy() -> Any:
    """The embedder of tests/conftest.py: a fixture of function scope cannot serve one of module scope."""
    path = Path(__file__).parents[1] / "conftest.py"
    spec = importlib.util.spec_from_file_location("toy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ToyEmbedder()


EMBEDDER = toy()
FAST = SearchConfig(effort="fast")


def searched(query: Record, database: Database, config: SearchConfig = FAST, **more: Any) -> SearchResult:
    """Returns the result of a query with vectors of the toy embedder, unless others are given."""
    if "vectors" not in more:
        (more["vectors"],) = embed_queries(
            [query.sequence], EMBEDDER.embed, window=database.window, stride=database.stride
        )
    return search(query, database, config, **more)


def opened(index: Index) -> Database:
    return Database(index, window=index.manifest.window, stride=index.manifest.stride)


@pytest.fixture
def make(tmp_path: Path, toy_embedder: Any) -> Callable[[Sequence[Record]], Database]:
    def make_database(records: Sequence[Record]) -> Database:
        store = write_store(tmp_path / "store", records, toy_embedder)
        return opened(build_index(records, store, tmp_path / "index", mmseqs=False))

    return make_database


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("search")
    store = write_store(path / "store", DATABASE, EMBEDDER)
    return opened(build_index(DATABASE, store, path / "index", mmseqs=False))


def true_hits(result: SearchResult, evalue: float = 1e-3) -> list[Hit]:
    return [hit for hit in result.hits if hit.evalue <= evalue]


def rows_of(result: SearchResult) -> dict[str, str]:
    return dict(zip(result.alignment.names, result.alignment.rows, strict=True))


def check_alignment(result: SearchResult, query: Record, records: Sequence[Record]) -> None:
    """The query comes first and whole, and every row reads as its name says."""
    sequences = {record.id: record.sequence for record in records}
    rows = rows_of(result)
    assert next(iter(rows)) == query.id
    assert len({len(row) for row in rows.values()}) == 1
    for name, row in rows.items():
        letters = "".join(c for c in row if c.isalpha()).upper()
        if name == query.id:
            assert letters == query.sequence
            continue
        target, _, span = name.rpartition("/")
        first, last = (int(x) for x in span.split("-"))
        low, high = min(first, last), max(first, last)
        stretch = sequences[target][low - 1 : high]
        assert letters == (stretch if first <= last else reverse_complement(stretch)), name


def test_a_query_called_by_its_own_place_in_the_database_is_a_row_of_its_own(database: Database) -> None:
    """As Rfam names regions: two rows of one name are one row in Stockholm."""
    before = dict(zip(*(getattr(searched(QUERY, database).alignment, part) for part in ("names", "rows")), strict=True))
    (place,) = [name for name in before if name.startswith("fam1/")]
    alignment = searched(Record(place, "", QUERY.sequence), database).alignment
    assert alignment.names == (f"{place}/query", *list(before)[1:])
    assert parse_stockholm(format_stockholm(alignment)).rows == tuple(before.values())


def test_a_family_is_found_with_its_hidden_reverse_complement(database: Database) -> None:
    result = searched(QUERY, database, FAST)
    hits = true_hits(result)
    assert {h.target for h in hits} == {f"fam{i}" for i in range(6)} | {"contig", "copy", "twice"}
    (hidden,) = [h for h in hits if h.target == "contig"]
    assert hidden.strand == "-"
    assert abs(hidden.tstart - 701) <= 4
    assert abs(hidden.tend - 800) <= 4
    assert sum(h.target == "twice" for h in hits) == 2
    assert all(h.strand == "+" for h in hits if h.target != "contig")
    assert all(1 <= h.qstart <= h.qend <= 100 and h.tstart <= h.tend for h in result.hits)
    assert all(h.source == "profile" and 0.7 < h.identity <= 1 for h in hits)
    copies = [h for h in hits if h.target in ("fam0", "copy")]
    assert copies[0].evalue == copies[1].evalue
    check_alignment(result, QUERY, DATABASE)
    assert sum(name.startswith(("fam0/", "copy/")) for name in rows_of(result)) == 1
    assert [(h.query, h.evalue) for h in result.hits] == sorted((h.query, h.evalue) for h in result.hits)


def test_the_query_itself_is_reported(database: Database) -> None:
    result = searched(FAMILY[2], database, FAST)
    (mine,) = [h for h in true_hits(result) if h.target == "fam2"]
    assert (mine.tstart, mine.tend) == (mine.qstart, mine.qend)
    assert mine.identity == 1
    check_alignment(result, FAMILY[2], DATABASE)


def test_learned_vectors_alone_find_the_family_on_both_strands(database: Database, toy_embedder: Any) -> None:
    result = searched(QUERY, database, FAST)
    found = {(h.target, h.strand) for h in true_hits(result)}
    assert {(f"fam{i}", "+") for i in range(6)} | {("contig", "-")} <= found
    assert all(-1 <= h.cosine <= 1 for h in true_hits(result))


def test_stored_vectors_do_as_embedding_does(database: Database, toy_embedder: Any, tmp_path: Path) -> None:
    store = write_store(tmp_path / "q", [QUERY], toy_embedder, strands="both")
    config = FAST
    stored = searched(QUERY, database, config, vectors=stored_vectors(store, QUERY))
    fresh = searched(QUERY, database, config)
    assert {h.target for h in true_hits(stored)} == {h.target for h in true_hits(fresh)}


@pytest.mark.parametrize(
    "query",
    [
        Record("random", "", "GAUC" * 3 + random_rna(80)),
        Record("poly-U", "", "U" * 60),
        Record("fifteen", "", random_rna(15)),
        Record("ambiguous", "", "ACGUNNNNNRYKMSWBDHVACGUACNNN"),
    ],
)
def test_no_homolog_is_an_answer(database: Database, query: Record, toy_embedder: Any) -> None:
    result = searched(query, database, FAST)
    assert true_hits(result) == []
    assert rows_of(result) == {query.id: query.sequence}
    assert len(result.rounds) == 1


def test_a_database_of_one_sequence(make: Callable[[Sequence[Record]], Database], toy_embedder: Any) -> None:
    only = [Record("only", "", random_rna(20) + ANCESTOR + random_rna(20))]
    result = searched(QUERY, make(only), FAST)
    (hit,) = true_hits(result)
    assert (hit.target, hit.tstart, hit.tend, hit.strand) == ("only", 21, 120, "+")
    check_alignment(result, QUERY, only)


def test_a_database_of_equal_sequences_ties_by_name(make: Callable[[Sequence[Record]], Database]) -> None:
    same = [Record(name, "", ANCESTOR) for name in ("d", "b", "a", "c")]
    result = searched(QUERY, make(same), FAST)
    assert [h.target for h in true_hits(result)] == ["a", "b", "c", "d"]
    assert len({h.evalue for h in true_hits(result)}) == 1


@pytest.mark.parametrize(("target", "strand"), [("long+", "+"), ("long-", "-")])
def test_a_long_query_is_cut_and_its_hits_chained(database: Database, target: str, strand: str) -> None:
    query = Record("long", "", LONG)
    result = searched(query, database, SearchConfig(effort="fast", iterations=2))
    (hit,) = [h for h in true_hits(result) if h.target == target]
    start = 301 if strand == "+" else 101
    assert hit.strand == strand
    assert hit.qstart <= 5
    assert hit.qend >= len(LONG) - 5
    assert abs(hit.tstart - start) <= 5
    assert abs(hit.tend - (start + len(LONG) - 1)) <= 5
    assert hit.identity == pytest.approx(0.89, abs=0.06)
    check_alignment(result, query, DATABASE)
    assert {piece for piece, _ in result.rounds} == set(range(1, 8))


def test_a_place_of_another_tool_is_scored_whatever_the_vectors_say(database: Database) -> None:
    config = SearchConfig(effort="fast", shortlist=1, iterations=1)
    without = searched(QUERY, database, config, vectors=None)
    places = [Anchor("twice", "+", 170, 200, 20, 50), Anchor("gone", "+", 0, 10, 0, 10)]
    with_places = searched(QUERY, database, config, anchors=places, vectors=None)
    assert "twice" not in {h.target for h in without.hits}
    (hit,) = [h for h in true_hits(with_places) if h.target == "twice"]
    assert abs(hit.tstart - 151) <= 4
    assert math.isnan(hit.cosine)


def test_a_list_grows_while_its_tail_holds_enough_homologs(
    make: Callable[[Sequence[Record]], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(8)
    relatives = [Record(f"relative{i}", "", mutate(ANCESTOR, 0.15, rng)) for i in range(40)]
    database = make([*relatives, *NOISE])
    few = SearchConfig(effort="fast", shortlist=8, iterations=1)
    grown = searched(QUERY, database, few)
    assert {hit.target for hit in true_hits(grown)} == {record.id for record in relatives}
    assert grown.rounds[0][1].shortlist > 40
    assert not grown.full
    # a list that may not grow, or whose tail does not pay for it, says that it ended full
    limited = searched(QUERY, database, few.model_copy(update={"longest_shortlist": 8}))
    monkeypatch.setattr("rhoma.search.iteration.WINDOWS_A_HOMOLOG", 0)
    unpaid = searched(QUERY, database, few)
    for result in (limited, unpaid):
        assert result.rounds[0][1].shortlist == 8
        assert result.full


def test_rounds_reach_what_one_pass_does_not(make: Callable[[Sequence[Record]], Database]) -> None:
    # a chain of relatives: each is near the next, the last far from the query
    chain = [ANCESTOR]
    rng = np.random.default_rng(3)
    for _ in range(5):
        chain.append(mutate(chain[-1], 0.2, rng))
    records = [*(Record(f"step{i}", "", s) for i, s in enumerate(chain[1:])), *NOISE]
    database = make(records)
    one = searched(QUERY, database, SearchConfig(effort="fast", iterations=1))
    rounds = searched(QUERY, database, FAST)
    assert len(one.rounds) == 1
    assert len({h.target for h in true_hits(one)}) < len({h.target for h in true_hits(rounds)})
    assert {h.target for h in true_hits(rounds)} == {f"step{i}" for i in range(5)}
    assert rounds.rounds[-1][1].new == 0


def test_a_query_that_fails_is_a_result_that_says_why(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(record: Record, *args: Any, **more: Any) -> SearchResult:
        if record.id == "U":
            raise ValueError("no\tsuch thing")
        return search(record, *args, **more)

    monkeypatch.setattr("rhoma.search.searcher.search", fail)
    results = Searcher(database, EMBEDDER).search([QUERY, Record("U", "", "U" * 40)], FAST)
    assert [bool(result.failure) for result in results] == [False, True]
    assert true_hits(results[0])
    write_results(tmp_path / "out", results)
    assert (tmp_path / "out" / "failed.tsv").read_text() == "query\treason\nU\tValueError: no such thing\n"
    assert rows_of(results[1]) == {"U": "U" * 40}


def test_evalues_do_not_depend_on_segments_and_double_with_the_database(
    database: Database, tmp_path: Path, toy_embedder: Any
) -> None:
    config = SearchConfig(effort="fast", iterations=1, report_evalue=1e3)
    half = len(DATABASE) // 2
    store = write_store(tmp_path / "store", DATABASE[:half], toy_embedder)
    build_index(DATABASE[:half], store, tmp_path / "index", mmseqs=False)
    more = write_store(tmp_path / "more", DATABASE[half:], toy_embedder)
    split = opened(add_segment(tmp_path / "index", DATABASE[half:], more))
    whole = searched(QUERY, database, config)
    assert true_hits(searched(QUERY, split, config)) == true_hits(whole)
    sized = searched(QUERY, database, config.model_copy(update={"database_size": 1000.0}))
    twice = searched(QUERY, database, config.model_copy(update={"database_size": 2000.0}))
    evalues = {(h.target, h.tstart): h.evalue for h in sized.hits}
    assert all(
        h.evalue == pytest.approx(2 * evalues[h.target, h.tstart])
        for h in twice.hits
        if (h.target, h.tstart) in evalues
    )
    assert len(evalues) >= 9


def test_what_was_deleted_is_not_found(make: Callable[[Sequence[Record]], Database]) -> None:
    database = make([*FAMILY, COPY, *NOISE])
    index = database.index
    assert isinstance(index, Index)
    gone = opened(delete(index.path, ["fam3", "fam0"]))
    result = searched(QUERY, gone, FAST, anchors=[Anchor("fam3", "+", 0, 50, 0, 50)])
    assert {h.target for h in true_hits(result)} == {"fam1", "fam2", "fam4", "fam5", "copy"}
    check_alignment(result, QUERY, [*FAMILY, COPY])


def test_the_same_bytes_for_any_number_of_threads(database: Database, toy_embedder: Any, tmp_path: Path) -> None:
    queries = [QUERY, FAMILY[1], Record("U", "", "U" * 40), Record("other/../x;", "", random_rna(90))]
    index = database.index
    assert isinstance(index, Index)
    searcher = Searcher(database, EMBEDDER, path=index.path)
    for threads in (1, 3):
        results = searcher.search(queries, SearchConfig(effort="fast", threads=threads))
        write_results(tmp_path / str(threads), results, labels={"fam1": ("RF1", "")})
    names = sorted(p.relative_to(tmp_path / "1") for p in (tmp_path / "1").rglob("*") if p.is_file())
    assert len(names) == 12
    assert sorted(p.relative_to(tmp_path / "3") for p in (tmp_path / "3").rglob("*") if p.is_file()) == names
    for name in names:
        if name.name != "timings.tsv":
            assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()
    assert "\tRF1\t" in (tmp_path / "1" / "hits.tsv").read_text()


@pytest.mark.tool("mmseqs")
def test_near_copies_are_found_behind_their_representative_dead_or_alive(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    member = random_rna(150) + mutate(ANCESTOR, 0.1, rng) + random_rna(150)
    near = [Record(f"near{i}", "", mutate(member, 0.03, rng)) for i in range(3)]
    records = [Record("member", "", member), *near, *NOISE]
    store = write_store(tmp_path / "store", records, EMBEDDER)
    index = build_index(records, store, tmp_path / "index")
    number = next(n for n in range(index.n_sequences) if len(index.represented(n)))
    (name,) = index.copies(number)
    everyone = {"member", "near0", "near1", "near2"}
    assert {h.target for h in true_hits(searched(QUERY, opened(index)))} == everyone
    gone = opened(delete(tmp_path / "index", [name], mmseqs=False))
    result = searched(QUERY, gone)
    assert {h.target for h in true_hits(result)} == everyone - {name}
    assert all(abs(h.tstart - 151) <= 8 and abs(h.tend - 250) <= 8 for h in true_hits(result))
    check_alignment(result, QUERY, records)
