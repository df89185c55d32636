"""Index bundles: building, reading, adding, deleting, compacting; segments do not change the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import pytest

from rhoma import tools
from rhoma.errors import ArtefactError, DeviceError, InputError, ToolError
from rhoma.index import change as changing
from rhoma.index.add import add_segment
from rhoma.index.build import build_index
from rhoma.index.bundle import Index
from rhoma.index.change import delete, verify
from rhoma.index.compact import compact
from rhoma.io.fasta import read_fasta
from rhoma.manifest import ModelReference
from rhoma.sequences import Record
from rhoma.store import open_store, write_store
from rhoma.windows import tile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def names_of(index: Index) -> list[str]:
    """Returns the first live name of every sequence; the empty string for a dead one."""
    return [(index.copies(number) or [""])[0] for number in range(index.n_sequences)]


def random_records(number: int, seed: int, prefix: str = "s") -> list[Record]:
    rng = np.random.default_rng(seed)
    return [
        Record(f"{prefix}{i}", f"about {i}", "".join(rng.choice(list("ACGU"), int(rng.integers(20, 400)))))
        for i in range(number)
    ]


RECORDS = random_records(30, 1)
# Two more names of sequence 4, one of sequence 9; names that no shell and no path may see.
COPIES = [
    Record("copy|a", "same as s4", RECORDS[4].sequence),
    Record("$(touch x);'../b", "same as s9", RECORDS[9].sequence),
    Record("copy\u00e9", "", RECORDS[4].sequence),
]
ALL = [*RECORDS[:10], COPIES[0], *RECORDS[10:], *COPIES[1:]]


class Workshop:
    """Makes stores and indexes in one directory."""

    def __init__(self, path: Path, embedder: Any) -> None:
        self.path, self.embedder, self.stores = path, embedder, 0

    def store(self, records: list[Record], **options: Any) -> Any:
        self.stores += 1
        return write_store(self.path / f"store{self.stores}", records, self.embedder, **options)

    def index(self, records: list[Record] = ALL, name: str = "index", **options: Any) -> Index:
        return build_index(records, self.store(records), self.path / name, **{"mmseqs": False, **options})


@pytest.fixture
def shop(tmp_path: Path, toy_embedder: Any) -> Workshop:
    return Workshop(tmp_path, toy_embedder)


def named(index: Index, found: tuple[NDArray[Any], NDArray[Any]]) -> list[list[tuple[float, str, int, int]]]:
    """Returns the windows that were found, by name and place, in an order without numbers."""
    lines = []
    for scores, rows in zip(*found, strict=True):
        kept = rows >= 0
        sequence, start, end = index.windows(rows[kept])
        places = zip(
            (-np.round(scores[kept], 4)).tolist(),
            [names_of(index)[number] for number in sequence],
            start.tolist(),
            end.tolist(),
            strict=True,
        )
        lines.append(sorted(places))
    return lines


def test_an_index_knows_its_sequences(shop: Workshop):
    index = shop.index()
    unique = tile([len(record.sequence) for record in RECORDS], 128, 64)
    assert index.n_windows == len(unique)
    assert index.n_sequences == 30
    assert names_of(index) == [record.id for record in RECORDS]
    assert index.lengths.tolist() == [len(record.sequence) for record in RECORDS]
    assert index.total_residues == sum(len(record.sequence) for record in ALL)
    assert index.copies(4) == ["s4", "copy|a", "copy\u00e9"]
    assert index.copies(9) == ["s9", "$(touch x);'../b"]
    assert index.copies(5) == ["s5"]
    assert index.sequence_of("copy|a") == 4
    assert index.sequence_of("nobody") is None
    assert index.description("copy|a") == "same as s4"
    assert index.description("s5") == "about 5"
    assert (index.manifest.n_names, index.manifest.n_sequences) == (33, 30)
    assert index.live_sequences.tolist() == list(range(30))
    assert index.mmseqs is None
    sequence, start, end = index.windows(np.arange(index.n_windows))
    assert (sequence.tolist(), start.tolist(), end.tolist()) == (
        unique.sequence.tolist(),
        unique.start.tolist(),
        unique.end.tolist(),
    )
    assert index.vectors(np.arange(3)).dtype == np.float32


def test_letters_are_fetched_and_cut_at_the_ends(shop: Workshop):
    index = shop.index()
    for number in (0, 7, 29):
        text = RECORDS[number].sequence
        assert index.fetch(number) == text
        assert index.fetch(number, 3, 11) == text[3:11]
        assert index.fetch(number, -5, 9) == text[:9]
        assert index.fetch(number, 5, 10**6) == text[5:]
        assert index.fetch(number, 10**6, 10**6 + 5) == ""
        assert index.fetch(number, 7, 7) == ""
    with pytest.raises(IndexError):
        index.fetch(30, 0, 1)
    with pytest.raises(IndexError):
        index.windows(np.array([index.n_windows]))
    with pytest.raises(IndexError):
        index.vectors(np.array([-1]))


def test_searches_agree_with_brute_force(shop: Workshop):
    index = shop.index()
    queries = shop.embedder.embed([record.sequence[:128] for record in random_records(6, 2)])
    everything = index.vectors(np.arange(index.n_windows))
    expected = np.sort(queries @ everything.T, axis=1)[:, ::-1]
    scores, rows = index.search(queries, 12)
    np.testing.assert_allclose(scores, expected[:, :12], atol=1e-5)
    np.testing.assert_allclose(scores, np.einsum("qkd,qd->qk", everything[rows], queries), atol=1e-5)
    scores, rows = index.search(queries, index.n_windows + 3)
    assert (rows[:, -3:] == -1).all()
    own = index.search(shop.embedder.embed([index.fetch(5, 0, 128)]), 1)
    assert index.windows(own[1][0])[0].tolist() == [5]
    assert own[0][0, 0] == pytest.approx(1.0, abs=1e-2)  # stored in 4 bits


@pytest.mark.parametrize("kind", ["flat", "pq", "hnsw"])
def test_three_segments_answer_like_one(shop: Workshop, kind: Any):
    whole = shop.index(kind=kind)
    parts = shop.index(ALL[:12], "parts", kind=kind)
    for chunk in (ALL[12:20], ALL[20:]):
        parts = add_segment(parts.path, chunk, shop.store(chunk))
    assert [segment.info.kind for segment in parts.segments] == [kind] * 3
    assert parts.n_windows == whole.n_windows
    assert parts.total_residues == whole.total_residues
    assert names_of(parts) == names_of(whole)
    assert [parts.copies(i) for i in range(30)] == [whole.copies(i) for i in range(30)]
    queries = [record.sequence[:128] for record in random_records(5, 3)] + [RECORDS[20].sequence[:100]]
    vectors = shop.embedder.embed(queries)
    k = whole.n_windows
    for index in (parts, Index.open(parts.path)):
        assert named(index, index.search(vectors, k)) == named(whole, whole.search(vectors, k))
    verify(parts.path)


def test_deleted_sequences_never_come_back(shop: Workshop):
    index = shop.index()
    index = delete(index.path, ["s5", "s4"])
    assert index.sequence_of("s5") is None
    assert names_of(index)[5] == ""
    assert index.copies(5) == []
    # Another name still leads to sequence 4.
    assert names_of(index)[4] == "copy|a"
    assert index.copies(4) == ["copy|a", "copy\u00e9"]
    assert 5 not in index.live_sequences
    assert 4 in index.live_sequences
    gone = len(RECORDS[5].sequence) + len(RECORDS[4].sequence)
    assert index.total_residues == sum(len(record.sequence) for record in ALL) - gone
    k = index.n_windows
    found = index.search(shop.embedder.embed([RECORDS[5].sequence[:128]]), k)
    rows = found[1][found[1] >= 0]
    assert len(rows)
    assert 5 not in index.windows(rows)[0]
    assert 4 in index.windows(index.search(shop.embedder.embed([RECORDS[4].sequence[:128]]), 1)[1][0])[0]
    again = delete(index.path, ["copy|a", "copy\u00e9", "s0"])
    assert again.manifest.generation == 2
    assert again.n_sequences == 30
    assert again.manifest.n_sequences == 27
    assert sorted(path.name for path in again.path.rglob("deleted*")) == ["deleted.2.npy"]
    verify(index.path)


def test_a_deleted_name_can_be_used_again(shop: Workshop):
    index = shop.index()
    delete(index.path, ["s5"])
    fresh = [Record("s5", "new", RECORDS[6].sequence[::-1]), Record("s5b", "back", RECORDS[5].sequence)]
    index = add_segment(index.path, fresh, shop.store(fresh))
    number = index.sequence_of("s5")
    assert number is not None
    assert index.fetch(number) == fresh[0].sequence
    # The old sequence is alive again, under its new name, and was not stored twice.
    assert index.copies(5) == ["s5b"]
    assert index.n_sequences == 31
    own = index.search(shop.embedder.embed([RECORDS[5].sequence[:128]]), 1)[1][0]
    assert index.windows(own)[0].tolist() == [5]
    index = delete(index.path, ["s5"])
    assert index.copies(number) == []
    assert index.copies(5) == ["s5b"]
    verify(index.path)


def test_a_segment_of_known_sequences_only(shop: Workshop):
    index = shop.index()
    copies = [Record("again", "", RECORDS[3].sequence)]
    index = add_segment(index.path, copies, shop.store(copies))
    assert index.copies(3) == ["s3", "again"]
    assert index.n_sequences == 30
    assert index.segments[1].info.n_windows == 0
    assert index.search(shop.embedder.embed([RECORDS[3].sequence[:128]]), 2)[1][0, 0] >= 0
    assert compact(index.path).copies(3) == ["s3", "again"]


@pytest.mark.parametrize("kind", ["flat", "pq", "hnsw", "ivfpq"])
def test_compacting_leaves_what_a_fresh_build_has(shop: Workshop, kind: Any):
    changed = shop.index(ALL[:20], "changed", kind=kind)
    add_segment(changed.path, ALL[20:], shop.store(ALL[20:]))
    gone = {"s2", "s11", "s25", "copy|a"}
    delete(changed.path, gone)
    kept = [record for record in ALL if record.id not in gone]
    fresh = shop.index(kept, "fresh", kind=kind)
    small = compact(changed.path)
    assert len(small.segments) == 1
    assert names_of(small) == names_of(fresh)
    for file in sorted(fresh.path.rglob("*")):
        if file.is_file() and file.name != "manifest.json":
            assert file.read_bytes() == (small.path / file.relative_to(fresh.path)).read_bytes(), file
    assert sorted(small.manifest.files) == sorted(fresh.manifest.files)
    assert verify(small.path).n_names == len(kept)


def test_everything_can_be_deleted(shop: Workshop):
    index = shop.index(RECORDS[:3])
    index = delete(index.path, ["s0", "s1", "s2"])
    vectors = shop.embedder.embed([RECORDS[0].sequence])
    assert (index.search(vectors, 3)[1] == -1).all()
    index = compact(index.path)
    assert (index.n_windows, index.total_residues, names_of(index)) == (0, 0, [])
    assert (index.search(vectors, 3)[1] == -1).all()
    index = add_segment(index.path, RECORDS[:2], shop.store(RECORDS[:2]))
    assert names_of(index) == ["s0", "s1"]


def test_the_same_input_gives_the_same_bytes(shop: Workshop):
    one, two = shop.index(name="one"), shop.index(name="two")
    files = sorted(path.relative_to(one.path) for path in one.path.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(two.path) for path in two.path.rglob("*") if path.is_file())
    assert all((one.path / name).read_bytes() == (two.path / name).read_bytes() for name in files)


def test_several_stores_with_both_strands_make_one_index(shop: Workshop):
    whole = shop.index()
    stores = [shop.store(ALL[15:], strands="both"), shop.store(ALL[:15])]
    parts = build_index(ALL, stores, shop.path / "parts", mmseqs=False)
    rows = np.arange(whole.n_windows)
    np.testing.assert_array_equal(parts.vectors(rows), whole.vectors(rows))


def test_a_database_of_one_sequence(shop: Workshop):
    index = shop.index(RECORDS[:1])
    scores, rows = index.search(shop.embedder.embed([RECORDS[0].sequence[:128]]), 4)
    assert index.windows(rows[rows >= 0])[0].tolist() == [0] * index.n_windows
    assert scores[0, 0] == pytest.approx(1.0, abs=1e-2)  # stored in 4 bits


def test_bad_requests_are_refused_and_change_nothing(shop: Workshop):
    store = shop.store(RECORDS)
    with pytest.raises(InputError, match="no sequence to index"):
        build_index([], store, shop.path / "x")
    with pytest.raises(InputError, match="no vectors of 'other'"):
        build_index([Record("other", "", "ACGUACGUACGUACGU")], store, shop.path / "x")
    with pytest.raises(InputError, match="vectors of 's0', but of another sequence"):
        build_index([Record("s0", "", "ACGUACGUACGUACGU")], store, shop.path / "x")
    with pytest.raises(InputError, match="record 's0': the name is in the index already"):
        build_index([RECORDS[0], RECORDS[0]], store, shop.path / "x")
    assert not (shop.path / "x").exists()
    index = shop.index()
    before = {path: path.read_bytes() for path in index.path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="record 's0': the name is in the index already"):
        add_segment(index.path, RECORDS[:1], store)
    with pytest.raises(InputError, match="has no sequence named 'nobody'"):
        delete(index.path, ["s0", "nobody"])
    other = shop.embedder.__class__()
    other.name, other.sha256 = "other", "0f" * 32
    foreign = write_store(shop.path / "foreign", random_records(2, 5, "f"), other)
    with pytest.raises(ArtefactError, match=r"made with model other .*not with toy"):
        add_segment(index.path, random_records(2, 5, "f"), foreign)
    with pytest.raises(ArtefactError, match="was made with model"):
        build_index(RECORDS, [store, foreign], shop.path / "x")
    assert before == {path: path.read_bytes() for path in index.path.rglob("*") if path.is_file()}


def test_one_writer_at_a_time(shop: Workshop):
    index = shop.index()
    with changing.locked(index.path), pytest.raises(ArtefactError, match="being changed by another process"):
        delete(index.path, ["s0"])
    assert delete(index.path, ["s0"]).sequence_of("s0") is None


def test_a_change_that_dies_leaves_the_old_index(shop: Workshop, monkeypatch: pytest.MonkeyPatch):
    index = shop.index()
    fresh = random_records(4, 6, "n")
    store = shop.store(fresh)
    with monkeypatch.context() as patch:

        def die(*_: Any) -> None:
            raise RuntimeError("power cut")

        patch.setattr(changing, "write_manifest", die)
        with pytest.raises(RuntimeError):
            add_segment(index.path, fresh, store)
        with pytest.raises(RuntimeError):
            delete(index.path, ["s0"])
    verify(index.path)
    assert names_of(Index.open(index.path)) == names_of(index)
    assert names_of(add_segment(index.path, fresh, store)) == [*names_of(index), "n0", "n1", "n2", "n3"]
    verify(index.path)


@pytest.mark.tool("mmseqs")
def test_the_mmseqs_database_follows_the_index(shop: Workshop):
    index = shop.index(mmseqs=None)
    assert index.mmseqs == index.path / "mmseqs" / "db"
    assert names_in(index) == set(names_of(index))
    fresh = random_records(2, 7, "n")
    index = add_segment(index.path, fresh, shop.store(fresh))
    assert names_in(index) == set(names_of(index))
    # Deleting the first of several names makes another one the first.
    index = delete(index.path, ["s4"])
    assert names_in(index) == set(names_of(index))
    assert "copy|a" in names_of(index)
    assert sorted(path.name for path in index.path.iterdir()) == [
        "manifest.json",
        "mmseqs.2",
        "segments",
        "skipped_records.tsv",
    ]
    index = compact(index.path)
    assert index.mmseqs == index.path / "mmseqs" / "db"
    assert names_in(index) == set(names_of(index))
    verify(index.path)
    given = build_index(ALL, shop.store(ALL), shop.path / "given", mmseqs=index.path / "mmseqs")
    assert names_in(given) == set(names_of(index))


def names_in(index: Index) -> set[str]:
    """Returns the headers of the MMseqs2 database of an index."""
    assert index.mmseqs is not None
    tools.run(["mmseqs", "convert2fasta", index.mmseqs, index.path.parent / "names.fasta"])
    return {record.id for record in read_fasta(index.path.parent / "names.fasta")[0]}


@pytest.mark.tool("mmseqs")
def test_without_mmseqs_nothing_changes_but_what_the_user_gives_up(shop: Workshop, monkeypatch: pytest.MonkeyPatch):
    index = shop.index(mmseqs=None)
    fresh = random_records(2, 7, "n")
    store = shop.store(fresh)
    monkeypatch.setenv("PATH", "/nowhere")
    for change in (lambda: add_segment(index.path, fresh, store), lambda: compact(index.path)):
        with pytest.raises(ToolError, match="mmseqs"):
            change()
    # the first of several names is the one that the database knows
    with pytest.raises(ToolError, match="mmseqs"):
        delete(index.path, ["s4"])
    assert delete(index.path, ["s3"]).mmseqs == index.mmseqs
    assert Index.open(index.path).manifest.generation == 1
    changed = add_segment(index.path, fresh, store, mmseqs=False)
    assert changed.mmseqs is None
    assert not (index.path / "mmseqs").exists()
    assert names_of(compact(index.path)) == [name for name in [*names_of(index), "n0", "n1"] if name != "s3"]
    verify(index.path)


def test_a_directory_without_a_database_is_refused(shop: Workshop, tmp_path: Path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="holds no MMseqs2 database"):
        shop.index(mmseqs=tmp_path / "nothing")
    assert not (tmp_path / "index").exists()


def test_another_model_is_refused_by_name(shop: Workshop):
    index = shop.index()
    assert index.manifest.model == ModelReference(name="toy", sha256=shop.embedder.sha256)
    assert Index.open(index.path, model_sha256=shop.embedder.sha256).n_sequences == 30
    with pytest.raises(ArtefactError, match=r"index was made with model toy \(sha256 7070.*not with"):
        Index.open(index.path, model_sha256="ab" * 32)


def test_the_rows_of_a_sequence_are_its_windows(tmp_path: Path, toy_embedder: Any):
    records = [Record(f"s{number}", "", "ACGUGCAUUA" * (5 + 9 * number)) for number in range(5)]
    halves = [records[:3], records[3:]]
    for number, part in enumerate(halves):
        write_store(tmp_path / f"store{number}", part, toy_embedder)
    build_index(halves[0], open_store(tmp_path / "store0"), tmp_path / "index", mmseqs=False)
    add_segment(tmp_path / "index", halves[1], open_store(tmp_path / "store1"))
    index = Index.open(tmp_path / "index")
    rows = [index.rows_of(number).tolist() for number in range(5)]
    assert sum(rows, []) == list(range(index.n_windows))
    for number, mine in enumerate(rows):
        assert (index.windows(np.array(mine))[0] == number).all()


def test_a_gpu_is_refused_where_there_is_none(shop: Workshop):
    index = shop.index()
    if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus():
        pytest.skip("this machine has a GPU that faiss can use")
    with pytest.raises(DeviceError, match=r"cannot be searched on a GPU: .*Remedy: .*cpu"):
        Index.open(index.path, device="cuda")
    assert Index.open(index.path, device="auto").n_windows == index.n_windows
