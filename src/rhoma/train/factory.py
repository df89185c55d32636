"""The network of a training: untrained, or with the weights of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError

from rhoma.errors import InputError
from rhoma.manifest import ModelManifest, read_manifest, verify_files
from rhoma.models.bundle import load_network
from rhoma.models.encoders import OWN
from rhoma.models.encoders.compact import CompactConfig
from rhoma.models.encoders.own import own_encoder
from rhoma.models.encoders.registry import load_encoder, weights_sha256
from rhoma.models.encoders.words import WordsConfig
from rhoma.models.heads import HeadConfig
from rhoma.models.network import HomologyNetwork
from rhoma.models.pairing import CHANNELS
from rhoma.train.cache import FrozenEncoder
from rhoma.train.lora import add_adapters
from rhoma.train.schema import refusal
from rhoma.train.settings import SETTINGS, WORDS, start_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from rhoma.manifest import EncoderInfo
    from rhoma.train.settings import RunConfig


def network_settings(config: RunConfig) -> tuple[HeadConfig, WordsConfig | CompactConfig | None]:
    """Return all settings of the head and of an encoder that is trained from scratch (None for a public one).

    Raises:
        InputError: one of them is unknown or out of range.
    """
    if "whitened" in config.head:
        raise InputError("settings: head.whitened: there is no such setting", remedy="set whitened")
    try:
        head = HeadConfig.model_validate(config.head_settings())
    except ValidationError as error:
        raise refusal(error, HeadConfig, prefix=["head"]) from error
    if config.encoder not in OWN:
        return head, None
    model = WordsConfig if config.encoder == WORDS else CompactConfig
    try:
        return head, model.model_validate(config.sizes)
    except ValidationError as error:
        raise refusal(error, model, prefix=["sizes"]) from error


def make_network(
    config: RunConfig, *, model_dir: Path | None = None, device: str = "cpu"
) -> tuple[HomologyNetwork, EncoderInfo]:
    """Return the network to train, from the seed of the settings, and what a manifest says of its encoder.

    A public encoder is frozen, or has adapters where the settings ask for them.

    Raises:
        InputError: unknown encoder, or settings that do not fit it.
    """
    info = config.encoder_info()
    torch.manual_seed(config.train.seed)
    head, _ = network_settings(config)
    encoder: Any
    if config.encoder in OWN:
        encoder = own_encoder(config.encoder, config.sizes)
        info = info.model_copy(update={"config": encoder.config.model_dump(mode="json")})
    else:
        encoder = load_encoder(info, model_dir)
        info = info.model_copy(update={"sha256": weights_sha256(info, model_dir)})
        if config.lora:
            add_adapters(encoder, config.lora, gradient_checkpointing=config.gradient_checkpointing)
        else:
            encoder = FrozenEncoder(encoder)
    return HomologyNetwork(encoder, head).to(device), info


def whitened_anew(network: HomologyNetwork, whitened: int) -> HomologyNetwork:
    """Return a network of the same encoder and head whose vectors have so many axes; they are not fitted yet.

    Raises:
        InputError: there are not so many.
    """
    head = HeadConfig.model_validate(network.config.model_dump() | {"whitened": whitened})
    anew = HomologyNetwork(network.encoder, head)
    anew.head = network.head
    return anew


def begin_with(network: HomologyNetwork, info: EncoderInfo, start: Path, model_dir: Path | None = None) -> None:
    """Fill the parts of `network` that are trained with the weights of the bundle `start`.

    Raises:
        InputError: `start` is no bundle, or of another encoder or head.
        ArtefactError: it is damaged.
    """
    known, manifest = read_network(start, model_dir)
    if info.config.get("adapted"):
        raise InputError(
            "a training of adapters cannot begin with a bundle, which holds none",
            path=start,
            remedy="set lora=0, or leave out --start",
        )
    head = HeadConfig.model_validate(manifest.head)
    widened = network.config.structure and not head.structure
    # the whitening is fitted anew
    free: dict[str, Any] = {"whitened": network.config.whitened}
    if widened:
        free["structure"] = True
    if (manifest.encoder, head.model_copy(update=free)) != (info, network.config):
        raise InputError(
            "has another encoder or head than the settings of this training",
            path=start,
            remedy=f"train with the encoder and head of its {SETTINGS}",
        )
    weights = known.state_dict()
    if widened:
        # every head takes its input by one layer; what it does not know yet counts nothing at first
        weights["head.project.weight"] = _widen(weights["head.project.weight"], CHANNELS)
    trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    network.load_state_dict({name: weights[name] for name in trained}, strict=False)


def read_network(bundle: Path, model_dir: Path | None = None) -> tuple[HomologyNetwork, ModelManifest]:
    """Return the network of a bundle, and its manifest.

    Raises:
        InputError: it is no bundle.
        ArtefactError: it is damaged.
    """
    start_of(bundle)
    manifest = read_manifest(bundle, ModelManifest)
    verify_files(bundle, manifest)
    return load_network(bundle, manifest, model_dir=model_dir), manifest


def _widen(weight: Tensor, channels: int) -> Tensor:
    """Return a layer's weight (out, in, ...) with so many further inputs, of weight zero."""
    return torch.cat([weight, weight.new_zeros(weight.shape[0], channels, *weight.shape[2:])], dim=1)
