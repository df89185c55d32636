"""Every file of an index, truncated, flipped or missing, is found and named."""

from __future__ import annotations

import json
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rhoma.errors import ArtefactError
from rhoma.index.build import build_index
from rhoma.index.bundle import Index
from rhoma.index.change import delete, verify
from rhoma.manifest import IndexManifest, read_manifest
from rhoma.sequences import Record
from rhoma.store import write_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path, toy_embedder: Any) -> Path:
    rng = np.random.default_rng(0)
    records = [Record(f"s{i}", "a", "".join(rng.choice(list("ACGUN"), 200))) for i in range(6)]
    store = write_store(tmp_path / "store", records, toy_embedder)
    build_index(records, store, tmp_path / "index", mmseqs=False, kind="hnsw")
    delete(tmp_path / "index", ["s3"])
    return tmp_path / "index"


def test_every_damaged_file_is_named(path: Path):
    names = list(read_manifest(path, IndexManifest).files)
    assert {name.rsplit("/", 1)[1] for name in names} == {
        "approximate.faiss",
        "codebook.faiss",
        "copies.npy",
        "deleted.1.npy",
        "descriptions.ends.npy",
        "descriptions.txt",
        "digests.npy",
        "groups.npy",
        "lengths.npy",
        "letters.2bit",
        "letters.others.npy",
        "members.npy",
        "names.ends.npy",
        "names.order.npy",
        "names.txt",
        "scales.npy",
        "vectors.npy",
    }
    for name in names:
        whole = (path / name).read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 8
        for damaged, problem in (
            (bytes(flipped), "does not match its checksum"),
            (whole[:-1], "is truncated"),
            (whole + b"x", "is damaged"),
            (None, "is missing"),
        ):
            if damaged is None:
                (path / name).unlink()
            else:
                (path / name).write_bytes(damaged)
            for check in (verify, partial(Index.open, verify=True)):
                with pytest.raises(ArtefactError, match=problem) as caught:
                    check(path)
                assert str(path / name) in str(caught.value)
                assert "Remedy" in str(caught.value)
        (path / name).write_bytes(whole)
    verify(path)


def test_sizes_are_checked_even_when_checksums_are_not(path: Path):
    vectors = path / "segments" / "00000" / "vectors.npy"
    whole = vectors.read_bytes()
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    vectors.write_bytes(flipped)
    assert Index.open(path, verify=False).n_sequences == 6
    with pytest.raises(ArtefactError, match="checksum"):
        Index.open(path, verify=True)
    vectors.write_bytes(whole[:-1])
    with pytest.raises(ArtefactError, match="truncated"):
        Index.open(path, verify=False)


def change(path: Path, **values: Any) -> None:
    content = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**content, **values}))


def test_newer_and_foreign_manifests_are_refused(path: Path, tmp_path: Path):
    shutil.copytree(path, tmp_path / "copy")
    change(path, schema_version=99)
    with pytest.raises(ArtefactError, match=r"schema version 99 is newer than 2.*update rhoma"):
        Index.open(path)
    with pytest.raises(ArtefactError, match="is a store, not a index"):
        Index.open(tmp_path / "store")
    change(tmp_path / "copy", dimension=65)
    with pytest.raises(ArtefactError, match="does not fit the manifest"):
        Index.open(tmp_path / "copy")
    change(tmp_path / "copy", dimension=64, n_residues=1)
    with pytest.raises(ArtefactError, match="the counts in the manifest"):
        verify(tmp_path / "copy")
