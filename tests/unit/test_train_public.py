"""Adapters on public encoders and the cache of their states: a small RiNALMo with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("multimolecule")
torch.set_num_threads(1)

from safetensors.torch import load_file  # noqa: E402

from rhoma.errors import ArtefactError, InputError  # noqa: E402
from rhoma.models.embedder import load_embedder  # noqa: E402
from rhoma.models.encoders.compact import CompactConfig, CompactEncoder  # noqa: E402
from rhoma.train.cache import FrozenEncoder, StateCache, batch_keys, fill_cache, member_windows  # noqa: E402
from rhoma.train.checkpoint import trained_state  # noqa: E402
from rhoma.train.data import Data  # noqa: E402
from rhoma.train.factory import begin_with, make_network  # noqa: E402
from rhoma.train.lora import add_adapters, merge_adapters  # noqa: E402
from rhoma.train.run import train_bundle, whiten_bundle  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.train.data import Family

SEQUENCES = ["ACGUACGUACGGGA", "GGGGCC", "ACGUNACGUACGUACGU"]
SPLIT = {f"RF{n:05d}": "train" if n < 9 else "validation" for n in range(1, 13)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a directory with a small RiNALMo."""
    import multimolecule

    torch.manual_seed(3)
    directory: Path = tmp_path_factory.mktemp("rinalmo")
    config = multimolecule.RiNALMoConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32
    )
    multimolecule.RiNALMoModel(config, add_pooling_layer=False).save_pretrained(directory)
    return directory


def settings(tiny: dict[str, Any], **changes: Any) -> Any:
    plain = {"substitutions": 0.0, "synthetic_substitutions": (0, 0), "indels": 0.0, "bare": 1.0, "truncate": 0.0}
    loop = {**tiny["train"], "steps": 2, "validate_every": 2, "augment": {"window": 64, "grid": 4, **plain}}
    values = {k: v for k, v in tiny.items() if k != "sizes"} | {"encoder": "rinalmo-micro", "train": loop}
    return resolve(given=values | changes)


@torch.no_grad()
def test_merged_adapters_give_the_same_states(source: Path, tiny_settings: dict[str, Any]) -> None:
    network, info = make_network(settings(tiny_settings, lora=2), model_dir=source)
    trained = [name for name, p in network.encoder.named_parameters() if p.requires_grad]  # type: ignore[attr-defined]
    assert len(trained) == 2 * 3 * 2
    assert all("lora_" in n and any(k in n for k in ("query", "key", "value")) for n in trained)
    assert info.config == {"adapted": True}
    for name, parameter in network.encoder.named_parameters():  # type: ignore[attr-defined]
        if "lora_B" in name:
            parameter.normal_(std=0.3)
    network.eval()
    batch = network.encoder.tokenize(SEQUENCES)
    before = network.encoder.encode(batch)[batch.residues]
    plain, _ = make_network(settings(tiny_settings), model_dir=source)
    untouched = plain.eval().encoder.encode(batch)[batch.residues]
    merge_adapters(network.encoder)
    after = network.encoder.encode(batch)[batch.residues]
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)
    assert float((before - untouched).abs().max()) > 1e-2
    assert not any("lora" in name for name in network.state_dict())


def test_gradient_checkpointing_gives_the_same_gradients(source: Path, tiny_settings: dict[str, Any]) -> None:
    found = []
    for switch in (False, True):
        config = settings(tiny_settings, lora=2, gradient_checkpointing=switch)
        network, _ = make_network(config, model_dir=source)
        torch.manual_seed(0)
        for name, parameter in network.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        network.eval()
        if switch:
            # checkpointing works in training mode only; dropout off for the comparison
            network.train()
            for module in network.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
        network(network.tokenize(SEQUENCES)).pow(2).sum().backward()
        found.append({n: p.grad for n, p in network.named_parameters() if p.requires_grad})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        assert gradient is not None
        torch.testing.assert_close(found[1][name], gradient, atol=1e-4, rtol=1e-3, msg=name)


def test_the_compact_encoder_takes_no_adapters() -> None:
    with pytest.raises(InputError, match="as a whole"):
        add_adapters(CompactEncoder(CompactConfig()), 4)


def test_cached_states_are_those_of_the_encoder(
    source: Path, tmp_path: Path, tiny_settings: dict[str, Any], tiny_families: list[Family]
) -> None:
    network, info = make_network(settings(tiny_settings), model_dir=source)
    frozen = network.encoder
    assert isinstance(frozen, FrozenEncoder)
    assert info.sha256 is not None
    windows = member_windows(tiny_families, 64, 4)
    cache = fill_cache(tmp_path / "c", frozen.source, info.sha256, windows)
    assert len(cache) == len(windows)
    sequences = [windows[0], "ACGUACGUACGU", windows[-1]]
    batch = frozen.tokenize(sequences)
    plain = frozen.encode(batch)
    frozen.cache = cache
    calls: list[int] = []
    original = frozen.source.encode

    def count(part: Any) -> Any:
        calls.append(len(part.ids))
        return original(part)

    frozen.source.encode = count  # type: ignore[method-assign]
    cached = frozen.encode(batch)
    # only what is not in the cache goes through the encoder
    assert calls == [1]
    torch.testing.assert_close(cached[batch.residues], plain[batch.residues], atol=2e-3, rtol=2e-3)
    again = StateCache(tmp_path / "c", info.sha256)
    key = batch_keys(batch)[0]
    np.testing.assert_array_equal(again[key], cache[key])
    with pytest.raises(ArtefactError, match="another encoder"):
        StateCache(tmp_path / "c", "0" * 64)


def test_a_frozen_encoder_never_changes(source: Path, tiny_settings: dict[str, Any]) -> None:
    network, _ = make_network(settings(tiny_settings), model_dir=source)
    network.train()
    assert not any(m.training for m in network.encoder.modules())  # type: ignore[attr-defined]
    assert not any(name.startswith("encoder.source.model.encoder.layer") and "weight" in name
                   for name in trained_state(network))  # fmt: skip
    network(network.tokenize(SEQUENCES)).sum().backward()
    assert all(p.grad is None for p in network.encoder.parameters())  # type: ignore[attr-defined]


@pytest.mark.parametrize("changes", [{"cache": True}, {"lora": 2}])
def test_a_bundle_embeds_with_the_encoder_it_names(
    changes: dict[str, Any],
    source: Path,
    tmp_path: Path,
    tiny_settings: dict[str, Any],
    tiny_rfam: Path,
) -> None:
    config = settings(tiny_settings, **changes)
    data = Data(tiny_rfam, SPLIT, "")
    train_bundle(data, config, tmp_path / "b", tmp_path / "w", model_dir=source)
    files = {path.name for path in (tmp_path / "b").iterdir()}
    assert ("encoder.safetensors" in files) == ("lora" in changes)
    assert (tmp_path / "w" / "states").is_dir() == ("cache" in changes)
    embedder = load_embedder(tmp_path / "b", model_dir=source, threads=1)
    vectors = embedder.embed(SEQUENCES)
    assert vectors.shape == (3, 16)
    assert np.isfinite(vectors).all()
    card = (tmp_path / "b" / "README.md").read_text()
    assert ("AGPL" in card) == ("lora" in changes)

    # its vectors can be whitened anew, whatever its encoder
    again = config.model_copy(update={"whitened": 8})
    whiten_bundle(data, again, tmp_path / "b", tmp_path / "anew", model_dir=source)
    for file in ("head.safetensors", *(["encoder.safetensors"] if "lora" in changes else [])):
        assert (tmp_path / "anew" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert load_embedder(tmp_path / "anew", model_dir=source, threads=1).embed(SEQUENCES).shape == (3, 8)

    network, info = make_network(config, model_dir=source)
    if "lora" in changes:
        with pytest.raises(InputError, match="adapters"):
            begin_with(network, info, tmp_path / "b", source)
    else:
        begin_with(network, info, tmp_path / "b", source)
        for name, tensor in load_file(tmp_path / "b" / "head.safetensors").items():
            assert torch.equal(network.head.state_dict()[name], tensor.float())


def test_cached_states_need_windows_that_come_again(
    source: Path, tmp_path: Path, tiny_settings: dict[str, Any], tiny_rfam: Path
) -> None:
    config = resolve(
        given={**{k: v for k, v in tiny_settings.items() if k != "sizes"}, "encoder": "rinalmo-micro", "cache": True}
    )
    with pytest.raises(InputError, match="grid"):
        train_bundle(Data(tiny_rfam, SPLIT, ""), config, tmp_path / "b", tmp_path / "w", model_dir=source)
