"""An index made of one shard or of many, in any order, answers like one that was built at once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.errors import ArtefactError, InputError
from rhoma.index.add import add_segment
from rhoma.index.build import build_index
from rhoma.index.bundle import Index
from rhoma.index.change import verify
from rhoma.index.compact import compact
from rhoma.index.describe import describe_index
from rhoma.index.join import join
from rhoma.index.shards import make_segment, split, train_codebook
from rhoma.io.fasta import read_fasta
from rhoma.sequences import Record
from rhoma.store import write_store

if TYPE_CHECKING:
    from pathlib import Path


def names_of(index: Index) -> list[str]:
    """Returns the first live name of every sequence; the empty string for a dead one."""
    return [(index.copies(number) or [""])[0] for number in range(index.n_sequences)]


def random_records(number: int, seed: int) -> list[Record]:
    rng = np.random.default_rng(seed)
    return [
        Record(f"s{i}|'{seed}", f"about {i}", "".join(rng.choice(list("ACGU"), int(rng.integers(20, 500)))))
        for i in range(number)
    ]


RECORDS = random_records(60, 1)
RECORDS[20:20] = [Record("copy of s3", "", RECORDS[3].sequence)]


class Factory:
    """Makes an index by the steps that are tasks of a pipeline."""

    def __init__(self, path: Path, embedder: Any) -> None:
        self.path, self.embedder = path, embedder

    def split(self, name: str, records: list[Record] = RECORDS, **options: Any) -> Path:
        settings = {"window": 128, "stride": 64, "mmseqs": False, **options}
        split(records, self.path / name, **settings)
        return self.path / name

    def codebook(self, shards: Path) -> Path | None:
        if not (shards / "sample.fasta").exists():
            return None
        store = self.store(shards / "sample.fasta", shards.with_suffix(".sample"))
        train_codebook(shards, store, shards.with_suffix(".codebook"))
        return shards.with_suffix(".codebook")

    def store(self, fasta: Path, out: Path) -> Any:
        return write_store(out, read_fasta(fasta, skip="bad")[0], self.embedder)

    def store_of(self, records: list[Record]) -> Any:
        return write_store(self.path / f"store of {records[0].id[-1]}", records, self.embedder)

    def segment(self, shards: Path, name: str, codebook: Path | None) -> Path:
        shard = shards / "segments" / name
        store = self.store(shard / "representatives.fasta", shards.with_suffix(f".{name}.store"))
        out = shards.with_suffix(f".{name}")
        make_segment(shard, store, out, codebook=codebook)
        return out

    def segments(self, shards: Path, codebook: Path | None) -> list[Path]:
        names = sorted(path.name for path in (shards / "segments").iterdir())
        return [self.segment(shards, name, codebook) for name in reversed(names)]

    def index(self, name: str, **options: Any) -> Index:
        shards = self.split(name, **options)
        codebook = self.codebook(shards)
        return join(shards, self.segments(shards, codebook), self.path / f"{name}.index", codebook=codebook)


@pytest.fixture
def factory(tmp_path: Path, toy_embedder: Any) -> Factory:
    return Factory(tmp_path, toy_embedder)


@pytest.mark.parametrize("kind", ["auto", "pq", "hnsw", "ivfpq"])
def test_one_shard_or_many_answer_alike(factory: Factory, kind: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rhoma.index.pq.PqIndex.wanted", lambda self, k, total: 4 * k)
    one = factory.index("one", kind=kind)
    many = factory.index("many", kind=kind, shard_windows=40)
    whole = build_index(RECORDS, factory.store_of(RECORDS), factory.path / "whole", mmseqs=False, kind=kind)
    assert len(one.segments) == len(whole.segments) == 1
    assert len(many.segments) > 5
    queries = factory.embedder.embed([record.sequence[:128] for record in random_records(12, 2)])
    expected = whole.search(queries, 20)
    for index in (one, many, Index.open(many.path)):
        assert verify(index.path).n_names == 61
        assert (index.n_windows, index.total_residues) == (whole.n_windows, whole.total_residues)
        assert names_of(index) == names_of(whole)
        assert index.copies(3) == ["s3|'1", "copy of s3"]
        assert index.lengths.tolist() == whole.lengths.tolist()
        found = index.search(queries, 20)
        if kind in ("auto", "pq"):
            np.testing.assert_array_equal(found[1], expected[1])
            np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(
            index.vectors(np.arange(index.n_windows)), whole.vectors(np.arange(whole.n_windows))
        )
    # E-values refer to the same number of comparisons
    assert len({describe_index(path)["database_size"] for path in (whole.path, one.path, many.path)}) == 1
    small = compact(many.path)
    assert len(small.segments) == 1
    assert names_of(small) == names_of(whole)


@pytest.mark.tool("mmseqs")
def test_near_copies_stay_in_one_shard(factory: Factory):
    rng = np.random.default_rng(5)
    records = list(RECORDS)
    for number in (0, 30, 59):
        text = RECORDS[number].sequence * 2
        for copy in range(3):
            place = int(rng.integers(len(text)))
            changed = text[:place] + "ACGU"[copy] + text[place + 1 :]
            records.insert(int(rng.integers(len(records))), Record(f"near{number}.{copy}", "", changed))
    one = factory.index("one", records=records, mmseqs=True)
    many = factory.index("many", records=records, mmseqs=True, shard_windows=40)
    assert one.manifest.n_represented == many.manifest.n_represented > 0
    assert names_of(one) == names_of(many)
    assert one.representatives.tolist() == many.representatives.tolist()
    assert (one.mmseqs is not None) == (many.mmseqs is not None) is True
    verify(many.path)
    fresh = random_records(3, 9)
    grown = add_segment(many.path, fresh, factory.store_of(fresh))
    assert grown.manifest.n_names == len(records) + 3
    verify(many.path)


def test_the_files_of_segments_are_linked(factory: Factory):
    index = factory.index("many", shard_windows=60)
    for name in ("vectors.npy", "letters.2bit"):
        made = (factory.path / "many.00000" / name).stat()
        assert made.st_ino == (index.path / "segments" / "00000" / name).stat().st_ino
    # the tasks' directories may go
    for path in factory.path.iterdir():
        if path != index.path:
            shutil.rmtree(path)
    verify(index.path)


def test_a_shard_made_again_is_the_same(factory: Factory):
    shards = factory.split("many", kind="pq", shard_windows=60)
    codebook = factory.codebook(shards)
    first = factory.segment(shards, "00001", codebook)
    held = {path.name: path.read_bytes() for path in first.iterdir()}
    shutil.rmtree(first)
    again = factory.segment(shards, "00001", codebook)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == held


def test_what_does_not_belong_together_is_refused(factory: Factory):
    shards = factory.split("many", kind="pq", shard_windows=60)
    codebook = factory.codebook(shards)
    segments = factory.segments(shards, codebook)
    out = factory.path / "out"
    with pytest.raises(ArtefactError, match="lacks the segments of 1 shards, the first 00000"):
        join(shards, segments[:-1], out, codebook=codebook)
    with pytest.raises(ArtefactError, match="is there twice"):
        join(shards, [*segments, segments[0]], out, codebook=codebook)
    with pytest.raises(ArtefactError, match="another codebook"):
        join(shards, segments, out)
    other = factory.split("other", kind="flat", shard_windows=60)
    with pytest.raises(ArtefactError, match="another codebook"):
        join(other, segments, out)
    with pytest.raises(InputError, match="needs no codebook"):
        train_codebook(other, factory.store_of(RECORDS), out)
    with pytest.raises(InputError, match="no vectors of "):
        make_segment(shards / "segments" / "00000", factory.store_of(random_records(3, 8)), out)
    wide = factory.split("wide", kind="flat", shard_windows=60, window=100)
    plain = factory.segments(factory.split("flat", kind="flat", shard_windows=60), None)
    with pytest.raises(ArtefactError, match="split the database for the model"):
        join(wide, plain, out)
    assert not out.exists()
    with pytest.raises(InputError, match="no sequence to index"):
        factory.split("empty", records=[])
    with pytest.raises(InputError, match="already"):
        factory.split("twice", records=[RECORDS[0], RECORDS[0]])
