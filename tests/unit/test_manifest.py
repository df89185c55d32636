from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from rhoma.errors import ArtefactError
from rhoma.manifest import (
    EncoderInfo,
    FileEntry,
    IndexManifest,
    ModelManifest,
    StoreManifest,
    check_model,
    file_entries,
    read_manifest,
    sha256_file,
    verify_files,
    write_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path

SHA = "ab" * 32


def model(**changes: object) -> ModelManifest:
    values = {
        "name": "m",
        "encoder": EncoderInfo(kind="compact"),
        "dimension": 8,
        "window": 128,
        "stride": 64,
    }
    return ModelManifest(**{**values, **changes})


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.bin").write_bytes(b"hello")
    (tmp_path / "sub" / "b.bin").write_bytes(bytes(1000))
    write_manifest(tmp_path, model(files=file_entries(tmp_path)))
    return tmp_path


def test_round_trip_and_checksums(artefact: Path):
    manifest = read_manifest(artefact, ModelManifest)
    assert set(manifest.files) == {"a.bin", "sub/b.bin"}
    assert manifest.files["a.bin"] == FileEntry(sha256=hashlib.sha256(b"hello").hexdigest(), size=5)
    assert sha256_file(artefact / "a.bin") == hashlib.sha256(b"hello").hexdigest()
    verify_files(artefact, manifest)
    assert manifest == model(files=manifest.files)


def test_manifests_are_strict_and_frozen():
    with pytest.raises(ValidationError):
        model(dimension="8")
    with pytest.raises(ValidationError):
        model(colour="red")
    with pytest.raises(ValidationError):
        model().name = "other"


def change(artefact: Path, **values: object) -> None:
    path = artefact / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_newer_schema_is_refused_before_anything_else(artefact: Path):
    change(artefact, schema_version=7, kind="unheard of", colour="red")
    with pytest.raises(ArtefactError, match=r"schema version 7 is newer than 1.*update rhoma"):
        read_manifest(artefact, ModelManifest)


def test_malformed_manifests_are_named(artefact: Path):
    with pytest.raises(ArtefactError, match="is a model, not a store"):
        read_manifest(artefact, StoreManifest)
    change(artefact, colour="red")
    with pytest.raises(ArtefactError, match="is damaged: colour"):
        read_manifest(artefact, ModelManifest)
    (artefact / "manifest.json").write_text('{"kind": "mod')
    with pytest.raises(ArtefactError, match="no JSON"):
        read_manifest(artefact, ModelManifest)
    (artefact / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match="has no manifest.json"):
        read_manifest(artefact, ModelManifest)
    with pytest.raises(ArtefactError, match="no such directory"):
        read_manifest(artefact / "nowhere", ModelManifest)


def test_damaged_files_are_named(artefact: Path):
    manifest = read_manifest(artefact, ModelManifest)
    data = bytearray((artefact / "sub" / "b.bin").read_bytes())
    data[500] ^= 1
    (artefact / "sub" / "b.bin").write_bytes(data)
    verify_files(artefact, manifest, sizes_only=True)
    with pytest.raises(ArtefactError, match=r"sub/b.bin: does not match its checksum \(corrupted\)"):
        verify_files(artefact, manifest)
    (artefact / "sub" / "b.bin").write_bytes(data[:-1])
    with pytest.raises(ArtefactError, match=r"sub/b.bin: is truncated: 999 bytes, not 1000"):
        verify_files(artefact, manifest, sizes_only=True)
    (artefact / "sub" / "b.bin").unlink()
    with pytest.raises(ArtefactError, match=r"sub/b.bin: is missing"):
        verify_files(artefact, manifest)


def test_another_model_is_refused_by_name(tmp_path: Path):
    manifest = IndexManifest.model_validate(
        {
            "model": {"name": "old", "sha256": SHA},
            "dimension": 8,
            "window": 128,
            "stride": 64,
            "n_names": 0,
            "n_sequences": 0,
            "n_windows": 0,
            "n_residues": 0,
            "segments": (),
        }
    )
    check_model(manifest, tmp_path, SHA)
    with pytest.raises(ArtefactError, match=r"made with model old \(sha256 abab.*not with new \(sha256 cdcd"):
        check_model(manifest, tmp_path, "cd" * 32, "new")
