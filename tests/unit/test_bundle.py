from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.errors import ArtefactError  # noqa: E402
from rhoma.manifest import ModelManifest, read_manifest, verify_files  # noqa: E402
from rhoma.models.bundle import load_network, write_bundle  # noqa: E402
from rhoma.train.factory import make_network  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


def test_a_network_comes_back_as_it_was(tmp_path: Path, tiny_settings: dict[str, object]) -> None:
    network, info = make_network(resolve(given=tiny_settings))
    write_bundle(
        tmp_path / "b", network, info, name="n", window=64, stride=32,
        training={"data": {"x": "y"}}, metrics={"m": 0.5}, card="# n\n", extra={"split.tsv": "a\n"},
    )  # fmt: skip
    manifest = read_manifest(tmp_path / "b", ModelManifest)
    verify_files(tmp_path / "b", manifest)
    assert set(manifest.files) == {
        "README.md", "encoder.safetensors", "head.safetensors", "network.onnx", "split.tsv", "whitening.safetensors",
    }  # fmt: skip
    assert manifest.metrics == {"m": 0.5}
    again = load_network(tmp_path / "b", manifest)
    assert not again.training
    for (name, one), (other, two) in zip(network.state_dict().items(), again.state_dict().items(), strict=True):
        assert name == other
        torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-3)
        # half precision is what is stored, single what is used
        assert two.dtype == torch.float32


def test_the_same_network_gives_the_same_bytes(
    tiny_bundle: Path, tmp_path: Path, tiny_settings: dict[str, object]
) -> None:
    network, info = make_network(resolve(given=tiny_settings))
    again = tmp_path / "again"
    write_bundle(again, network, info, name="tiny", window=64, stride=32, training={}, metrics={})
    files = {path.name for path in tiny_bundle.iterdir()}
    assert files == {path.name for path in again.iterdir()}
    assert all((tiny_bundle / f).read_bytes() == (again / f).read_bytes() for f in files)


def test_weights_of_another_network_are_refused(tiny_bundle: Path) -> None:
    manifest = read_manifest(tiny_bundle, ModelManifest)
    wider = manifest.model_copy(update={"head": manifest.head | {"hidden_size": 32}})
    with pytest.raises(ArtefactError, match="do not fit"):
        load_network(tiny_bundle, wider)
