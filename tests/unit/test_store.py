from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.errors import ArtefactError, InputError
from rhoma.sequences import Record, reverse_complement
from rhoma.store import open_store, write_store
from rhoma.windows import tile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def records() -> list[Record]:
    rng = np.random.default_rng(3)
    return [
        Record(f"r{number}", "", "".join(rng.choice(list("ACGU"), length)))
        for number, length in enumerate([40, 128, 129, 500, 200])
    ]


@pytest.mark.parametrize("strands", ["+", "both"])
def test_every_row_is_the_vector_of_its_window(tmp_path: Path, records: list[Record], toy_embedder: Any, strands: Any):
    calls: list[tuple[int, int]] = []
    store = write_store(
        tmp_path / "store",
        records,
        toy_embedder,
        strands=strands,
        shard=4,
        progress=lambda *call: calls.append(call),
    )
    assert calls[-1] == (len(store.windows), len(store.windows))
    assert calls == sorted(calls)
    assert store.vectors.dtype == np.float16
    plus = tile([len(record.sequence) for record in records], 128, 64)
    assert (~store.minus).sum() == len(plus)
    assert store.windows.start[~store.minus].tolist() == plus.start.tolist()
    assert store.windows.sequence[~store.minus].tolist() == plus.sequence.tolist()
    for row in range(len(store.windows)):
        number = store.windows.sequence[row]
        text = records[number].sequence[store.windows.start[row] : store.windows.end[row]]
        text = reverse_complement(text) if store.minus[row] else text
        np.testing.assert_allclose(store.vectors[row], toy_embedder.embed([text])[0], atol=1e-3)
    for record in records:
        rows = store.rows(record.id)
        assert set(store.windows.sequence[rows].tolist()) == {store.names.index(record.id)}
        strands_there = store.minus[rows].tolist()
        assert strands_there == sorted(strands_there)
    assert store.names == [record.id for record in records]
    assert store.lengths.tolist() == [len(record.sequence) for record in records]


def test_the_table_of_windows_names_the_sequences(tmp_path: Path, records: list[Record], toy_embedder: Any):
    import polars as pl

    write_store(tmp_path / "store", records, toy_embedder, strands="both")
    table = pl.read_parquet(tmp_path / "store" / "windows.parquet")
    assert table.columns == ["sequence", "row", "start", "end", "strand"]
    assert table["row"].to_list() == list(range(len(table)))
    assert set(table["sequence"]) == {record.id for record in records}
    assert table.filter(sequence="r0").rows() == [("r0", 0, 0, 40, "+"), ("r0", 1, 0, 40, "-")]


def test_equal_windows_are_embedded_once(tmp_path: Path, records: list[Record], toy_embedder: Any):
    copies = [*records, Record("copy", "", records[3].sequence)]
    store = write_store(tmp_path / "store", copies, toy_embedder)
    assert toy_embedder.embedded == len(store.windows) - len(range(*store.rows("copy").indices(10**6)))
    np.testing.assert_array_equal(store.vectors[store.rows("copy")], store.vectors[store.rows("r3")])


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, records: list[Record], toy_embedder: Any):
    for name in ("a", "b"):
        write_store(tmp_path / name, records, toy_embedder, shard=3)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["manifest.json", "sequences.parquet", "vectors.npy", "windows.parquet"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


class Dying:
    """An embedder that fails after some calls."""

    def __init__(self, inner: Any, calls: int) -> None:
        self.inner, self.calls = inner, calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def embed(self, sequences: Sequence[str], *, progress: Any = None) -> Any:
        if self.calls == 0:
            raise RuntimeError("power cut")
        self.calls -= 1
        return self.inner.embed(sequences, progress=progress)


def test_an_interrupted_run_is_taken_up_at_its_last_shard(tmp_path: Path, records: list[Record], toy_embedder: Any):
    whole = write_store(tmp_path / "whole", records, toy_embedder, shard=3)
    shards = -(-len(whole.windows) // 3)
    with pytest.raises(RuntimeError, match="power cut"):
        write_store(tmp_path / "out", records, Dying(toy_embedder, 2), shard=3)
    assert not (tmp_path / "out").exists()
    # A shard that was damaged meanwhile is made again.
    vectors = np.lib.format.open_memmap(tmp_path / ".out.partial" / "vectors.npy", mode="r+")
    vectors[0, 0] += 1
    vectors.flush()
    write_store(tmp_path / "out", records, Dying(toy_embedder, shards - 1), shard=3)
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_what_another_run_has_left_is_not_used(tmp_path: Path, records: list[Record], toy_embedder: Any):
    with pytest.raises(RuntimeError, match="power cut"):
        write_store(tmp_path / "out", records, Dying(toy_embedder, 2), shard=3)
    others = [Record(record.id, "", record.sequence[::-1]) for record in records]
    store = write_store(tmp_path / "out", others, toy_embedder, shard=3)
    np.testing.assert_allclose(store.vectors[0], toy_embedder.embed([others[0].sequence])[0], atol=1e-3)


@pytest.mark.parametrize(("scale", "message"), [(2.0, "unit length"), (np.nan, "not finite")])
def test_bad_vectors_are_refused(tmp_path: Path, records: list[Record], toy_embedder: Any, scale: float, message: str):
    class Bad(Dying):
        def embed(self, sequences: Sequence[str], *, progress: Any = None) -> Any:
            return self.inner.embed(sequences, progress=progress) * np.float32(scale)

    with pytest.raises(ValueError, match=message):
        write_store(tmp_path / "out", records, Bad(toy_embedder, -1))


def test_damage_and_mismatch_are_named(tmp_path: Path, records: list[Record], toy_embedder: Any):
    path = tmp_path / "store"
    write_store(path, records, toy_embedder)
    assert open_store(path, model_sha256=toy_embedder.sha256).manifest.n_sequences == 5
    with pytest.raises(ArtefactError, match=r"made with model toy .*not with"):
        open_store(path, model_sha256="00" * 32)
    with pytest.raises(InputError, match="no vectors of 'nobody'"):
        open_store(path).rows("nobody")
    data = bytearray((path / "vectors.npy").read_bytes())
    data[-3] ^= 4
    (path / "vectors.npy").write_bytes(data)
    with pytest.raises(ArtefactError, match=r"vectors.npy: does not match its checksum"):
        open_store(path, verify=True)
    (path / "vectors.npy").write_bytes(data[:-10])
    with pytest.raises(ArtefactError, match=r"vectors.npy: is truncated"):
        open_store(path)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 2}))
    with pytest.raises(ArtefactError, match="schema version 2 is newer than 1"):
        open_store(path)


def test_an_empty_store(tmp_path: Path, toy_embedder: Any):
    store = write_store(tmp_path / "store", [], toy_embedder)
    assert len(store.windows) == 0
    assert store.vectors.shape == (0, 64)
