"""A training that begins with a bundle, and a bundle whose vectors are whitened anew."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from safetensors.torch import load_file  # noqa: E402

from rhoma.cli import run  # noqa: E402
from rhoma.errors import ArtefactError, InputError  # noqa: E402
from rhoma.manifest import ModelManifest, read_manifest, sha256_file, verify_files  # noqa: E402
from rhoma.models.embedder import load_embedder  # noqa: E402
from rhoma.train.factory import begin_with, make_network  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

SEQUENCES = ["GGGGACUUCGGUCCCC", "ACGUACGUUUAGCAUCGACUAGCAUCGAUCG"]


def head(settings: dict[str, Any], **changes: object) -> dict[str, Any]:
    return settings | {"head": settings["head"] | changes}


def test_a_network_begins_with_the_weights_of_a_bundle(tiny_bundle: Path, tiny_settings: dict[str, Any]) -> None:
    config = resolve(given=tiny_settings | {"train": tiny_settings["train"] | {"seed": 9}})
    network, info = make_network(config)
    begin_with(network, info, tiny_bundle)
    for part in ("encoder", "head"):
        state = getattr(network, part).state_dict()
        for name, tensor in load_file(tiny_bundle / f"{part}.safetensors").items():
            assert torch.equal(state[name], tensor.float()), name


@pytest.mark.parametrize("kind", ["transformer", "pooled"])
def test_a_new_structure_channel_counts_nothing_at_first(
    kind: str, tmp_path: Path, tiny_settings: dict[str, Any]
) -> None:
    pytest.importorskip("RNA")
    from rhoma.models.bundle import load_network, write_bundle

    old, info = make_network(resolve(given=head(tiny_settings, kind=kind)))
    write_bundle(tmp_path / "b", old, info, name="n", window=64, stride=32, training={}, metrics={})
    old = load_network(tmp_path / "b", read_manifest(tmp_path / "b", ModelManifest))
    network, info = make_network(resolve(given=head(tiny_settings, kind=kind, structure=True)))
    begin_with(network, info, tmp_path / "b")
    with torch.no_grad():
        found = network.eval().learned(network.tokenize(SEQUENCES))
        expected = old.learned(old.tokenize(SEQUENCES))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "changes",
    [{"head": {"layers": 2}}, {"sizes": {"hidden_size": 32}}, {"head": {"dimension": 16, "hidden_size": 16}}],
)
def test_another_network_is_refused(changes: dict[str, Any], tiny_bundle: Path, tiny_settings: dict[str, Any]) -> None:
    network, info = make_network(resolve(given=tiny_settings | {k: tiny_settings[k] | v for k, v in changes.items()}))
    with pytest.raises(InputError, match="another encoder or head"):
        begin_with(network, info, tiny_bundle)


def test_what_is_no_bundle_or_damaged_is_refused(
    tmp_path: Path, tiny_bundle: Path, tiny_settings: dict[str, Any]
) -> None:
    network, info = make_network(resolve(given=tiny_settings))
    with pytest.raises(InputError, match="is no model bundle"):
        begin_with(network, info, tmp_path)
    shutil.copytree(tiny_bundle, tmp_path / "b")
    (tmp_path / "b" / "head.safetensors").write_bytes(b"x")
    with pytest.raises(ArtefactError, match=r"head\.safetensors"):
        begin_with(network, info, tmp_path / "b")


def trained(tmp_path: Path, rfam: Path, split: Path, config: Path, *more: str, name: str = "b") -> Path:
    arguments = ["train", "run", "--rfam", str(rfam), "--split", str(split), "--config", str(config)]
    arguments += [
        "--set",
        "train.steps=2",
        "--threads",
        "1",
        "--device",
        "cpu",
        "--quiet",
        "--out",
        str(tmp_path / name),
    ]
    assert run([*arguments, *more]) == 0
    return tmp_path / name


def test_a_training_goes_on_from_a_bundle(
    tmp_path: Path, tiny_rfam: Path, tiny_split: Path, tiny_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = trained(tmp_path, tiny_rfam, tiny_split, tiny_config)
    # a rate of nothing leaves the weights what they were
    second = trained(
        tmp_path, tiny_rfam, tiny_split, tiny_config, "--start", str(first), "--set", "train.learning_rate=0",
        "--set", "train.seed=4", name="second",
    )  # fmt: skip
    for part in ("encoder", "head"):
        one, two = (load_file(bundle / f"{part}.safetensors") for bundle in (first, second))
        for name, tensor in one.items():
            torch.testing.assert_close(two[name], tensor, atol=2e-3, rtol=2e-3)
    begun = sha256_file(first / "manifest.json")
    assert resolve(file=second / "config.yaml").start == begun
    assert f"--start <bundle whose manifest has the sha256 {begun}>" in (second / "README.md").read_text()

    # the settings of the second cannot be repeated from anything else
    arguments = ["train", "run", "--rfam", str(tiny_rfam), "--split", str(tiny_split), "--out", str(tmp_path / "no")]
    arguments += ["--config", str(second / "config.yaml"), "--device", "cpu"]
    assert run(arguments) == 1
    assert begun in capsys.readouterr().err
    assert run([*arguments, "--start", str(tmp_path)]) == 1
    assert "is no model bundle" in capsys.readouterr().err


def test_vectors_are_whitened_anew(
    tmp_path: Path, tiny_rfam: Path, tiny_split: Path, tiny_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = trained(tmp_path, tiny_rfam, tiny_split, tiny_config)
    arguments = ["train", "whiten", "--model", str(plain), "--rfam", str(tiny_rfam), "--threads", "1", "--quiet"]
    wide = tmp_path / "wide"
    assert run([*arguments, "--out", str(wide), "--whitened", "8"]) == 0
    manifest = read_manifest(wide, ModelManifest)
    verify_files(wide, manifest)
    assert manifest.dimension == 8
    assert (wide / "head.safetensors").read_bytes() == (plain / "head.safetensors").read_bytes()
    assert (wide / "encoder.safetensors").read_bytes() == (plain / "encoder.safetensors").read_bytes()
    assert (wide / "training.tsv").read_bytes() == (plain / "training.tsv").read_bytes()
    card = (wide / "README.md").read_text()
    assert "8 axes of its vector, whitened." in card
    assert "rhoma train whiten" in card
    vectors = load_embedder(wide, threads=1).embed(SEQUENCES)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)

    # the vectors of the head
    bare = tmp_path / "bare"
    assert run([*arguments, "--out", str(bare), "--whitened", "0"]) == 0
    assert not (bare / "whitening.safetensors").exists()
    assert read_manifest(bare, ModelManifest).dimension == 32

    # what was fitted before does not matter
    same, again = tmp_path / "same", tmp_path / "again"
    assert run([*arguments, "--out", str(same)]) == 0
    arguments[3] = str(wide)
    assert run([*arguments, "--out", str(again), "--whitened", "16"]) == 0
    assert (same / "whitening.safetensors").read_bytes() == (again / "whitening.safetensors").read_bytes()
    with (same / "training.tsv").open() as handle:
        assert [row["step"] for row in csv.DictReader(handle, delimiter="\t")] == ["0", "1"]

    nowhere = ["train", "whiten", "--model", str(tmp_path), "--rfam", str(tiny_rfam), "--out", str(tmp_path / "no")]
    assert run(nowhere) == 1
    assert "is no model bundle" in capsys.readouterr().err
    assert run([*arguments, "--out", str(tmp_path / "no"), "--whitened", "33"]) == 1
    assert "33 whitened axes are more than the 32 numbers" in capsys.readouterr().err
    (wide / "training.tsv").unlink()
    assert run([*arguments, "--out", str(tmp_path / "no")]) == 1
    assert "training.tsv" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
