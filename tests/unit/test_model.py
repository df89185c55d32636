from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rhoma.errors import ArtefactError, DeviceError, InputError
from rhoma.models import runtimes
from rhoma.models.batched import BatchedEmbedder
from rhoma.models.embedder import load_embedder, shipped_bundle
from rhoma.models.runtimes import resolve_device
from rhoma.sequences import reverse_complement

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def random_sequences(lengths: list[int], seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGU"), size=n)) for n in lengths]


def test_rows_are_unit_in_order_and_equal_sequences_are_embedded_once() -> None:
    seen: list[list[str]] = []

    def forward(sequences: list[str], _strands: int) -> NDArray[np.float32]:
        seen.append(sequences)
        return np.array([[[len(s), s.count("A")]] for s in sequences], dtype=np.float32)

    embedder = BatchedEmbedder(
        forward, name="x", sha256="0" * 64, dimension=2, window=9, stride=4, batch_nucleotides=12
    )
    told: list[tuple[int, int]] = []
    sequences = ["AAAA", "ACG", "AAAA", "U", "ACGUACGUA"]
    vectors = embedder.embed(sequences, progress=lambda done, total: told.append((done, total)))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[2])
    np.testing.assert_allclose(vectors[1], np.array([3, 1]) / np.sqrt(10), rtol=1e-6)
    assert sorted(s for batch in seen for s in batch) == sorted(set(sequences))
    assert all(len(batch) * max(map(len, batch)) <= 12 for batch in seen)
    assert told[-1] == (4, 4)


def test_a_sequence_and_its_reverse_complement_are_embedded_once() -> None:
    seen: list[tuple[list[str], int]] = []

    def forward(sequences: list[str], strands: int) -> NDArray[np.float32]:
        seen.append((sequences, strands))
        both = [(s, reverse_complement(s))[:strands] for s in sequences]
        return np.array([[[len(s), s.count("A") + 1] for s in pair] for pair in both], dtype=np.float32)

    embedder = BatchedEmbedder(forward, name="x", sha256="", dimension=2, window=9, stride=4, both=3)
    # AAC with GUU, ACGU is its own reverse complement, CC and GG are too short
    sequences = ["AAC", "ACGU", "GUU", "CC", "AAC", "GG"]
    vectors = embedder.embed(sequences)
    expected = np.array([[len(s), s.count("A") + 1] for s in sequences], dtype=np.float32)
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-6)
    assert sorted(seen) == [(["AAC"], 2), (["CC", "GG", "ACGU"], 1)]


@pytest.mark.parametrize("bad", ["", "A" * 10])
def test_windows_outside_the_limits_are_refused(bad: str) -> None:
    embedder = BatchedEmbedder(
        lambda s, n: np.ones((len(s), n, 1), np.float32), name="x", sha256="", dimension=1, window=9, stride=4
    )
    with pytest.raises(InputError, match="does not fit"):
        embedder.embed(["ACGU", bad])


def test_a_batch_gives_what_single_sequences_give(tiny_bundle: Path) -> None:
    sequences = random_sequences([64, 5, 33, 1, 64, 17])
    embedder = load_embedder(tiny_bundle, threads=1)
    together = embedder.embed(sequences)
    alone = np.concatenate([embedder.embed([s]) for s in sequences])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_letters_outside_acgu_are_any_base(tiny_bundle: Path) -> None:
    embedder = load_embedder(tiny_bundle, threads=1)
    vectors = embedder.embed(["ACGUNNACGU", "ACGURYACGU", "ACGUAAACGU"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert not np.allclose(vectors[0], vectors[2])


def test_both_runtimes_agree_on_the_shipped_encoder() -> None:
    pytest.importorskip("torch")
    sequences = random_sequences([128, 100, 64, 31, 20, 128])
    onnx = load_embedder(runtime="onnx", threads=1)
    torch = load_embedder(runtime="torch", threads=1)
    cosine = (onnx.embed(sequences) * torch.embed(sequences)).sum(1)
    assert (cosine > 1 - 1e-3).all()
    assert onnx.sha256 == torch.sha256
    assert (onnx.dimension, onnx.window, onnx.stride) == (1024, 128, 64)


def test_the_shipped_encoder_is_small() -> None:
    assert sum(path.stat().st_size for path in shipped_bundle().iterdir()) <= 4_000_000


def test_a_run_is_told_to_nobody(tmp_path: Path) -> None:
    """The number of this machine, which onnxruntime would report it under, is not even made."""
    code = "from rhoma.models.embedder import load_embedder; load_embedder(threads=1).embed(['ACGUACGUACGUACGU'])"
    # in continuous integration it reports nothing anyhow
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", code], env=kept | {"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_encoder_needs_neither_torch_nor_multimolecule() -> None:
    program = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "multimolecule", "transformers", "peft", "safetensors", "onnx"}:
            raise ImportError(f"{name} is not here")
sys.meta_path.insert(0, Refuse())
from rhoma.models.embedder import load_embedder
vectors = load_embedder(threads=1).embed(["ACGUACGUACGUACGUACGU", "GGGGAAAACCCC"])
assert vectors.shape == (2, 1024), vectors.shape
assert "torch" not in sys.modules
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr


@pytest.mark.parametrize("name", ["encoder.safetensors", "head.safetensors", "whitening.safetensors", "network.onnx"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_bundle_is_refused_by_name(name: str, damage: str, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    path = bundle / name
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        content[-1] ^= 1
        path.write_bytes(content if damage == "flip" else content[:-1])
    with pytest.raises(ArtefactError, match=name):
        load_embedder(bundle)


def test_a_newer_bundle_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 99}))
    with pytest.raises(ArtefactError, match="99"):
        load_embedder(bundle)


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rinalmo-giga"):
        load_embedder(tmp_path)


def test_a_gpu_where_there_is_none_is_an_error(tiny_bundle: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        assert load_embedder(tiny_bundle, device="cuda").embed(["ACGU"]).shape == (1, 32)
    else:
        with pytest.raises(DeviceError, match="--device cpu"):
            load_embedder(tiny_bundle, device="cuda")


def test_torch_is_asked_for_a_card_only_where_a_driver_has_left_its_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(asked.append(1)) or True)
    monkeypatch.setattr(runtimes, "_CARDS", (str(tmp_path / "nvidia*"), str(tmp_path / "kfd")))
    assert resolve_device("auto") == resolve_device("cpu") == "cpu"
    assert not asked
    (tmp_path / "nvidia0").touch()
    assert resolve_device("cpu") == "cpu"
    assert not asked
    assert resolve_device("auto") == resolve_device("cuda") == "cuda"
    assert len(asked) == 2
