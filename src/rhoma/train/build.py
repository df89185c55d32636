"""The network of a training: untrained, or with the weights of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError

from rhoma.bundle import load_network
from rhoma.encoders.compact import CompactConfig, CompactEncoder
from rhoma.encoders.registry import load_encoder, weights_sha256
from rhoma.errors import InputError
from rhoma.heads import HeadConfig
from rhoma.manifest import ModelManifest, read_manifest, verify_files
from rhoma.network import HomologyNetwork
from rhoma.pairing import CHANNELS
from rhoma.train.cache import FrozenEncoder
from rhoma.train.checkpoint import restore, trained_state
from rhoma.train.lora import add_adapters
from rhoma.train.settings import COMPACT, SETTINGS, start_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from rhoma.manifest import EncoderInfo
    from rhoma.train.settings import RunConfig


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
    try:
        head = HeadConfig.model_validate(config.head | {"whitened": config.whitened, "words": config.words})
        compact = CompactConfig.model_validate(config.compact)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"settings of the network: {said}") from error
    encoder: Any
    if config.encoder == COMPACT:
        encoder = CompactEncoder(compact)
        info = info.model_copy(update={"config": compact.model_dump(mode="json")})
    else:
        encoder = load_encoder(info, model_dir)
        info = info.model_copy(update={"sha256": weights_sha256(info, model_dir)})
        if config.lora:
            add_adapters(encoder, config.lora, gradient_checkpointing=config.gradient_checkpointing)
        else:
            encoder = FrozenEncoder(encoder)
    return HomologyNetwork(encoder, head).to(device), info


def begin_with(network: HomologyNetwork, info: EncoderInfo, start: Path, model_dir: Path | None = None) -> None:
    """Fill the parts of `network` that are trained with the weights of the bundle `start`.

    Raises:
        InputError: `start` is no bundle, or of another encoder or head.
        ArtefactError: it is damaged.
    """
    start_of(start)
    manifest = read_manifest(start, ModelManifest)
    verify_files(start, manifest)
    head = HeadConfig.model_validate(manifest.head)
    widened = network.config.structure and not head.structure
    # what finishes the vectors is fitted anew
    free = {"whitened": network.config.whitened, "words": network.config.words}
    if widened:
        free["structure"] = True
    if (manifest.encoder, head.model_copy(update=free)) != (info, network.config):
        raise InputError(
            "has another encoder or head than the settings of this training",
            path=start,
            remedy=f"train with the encoder and head of its {SETTINGS}",
        )
    known = load_network(start, manifest, model_dir=model_dir).state_dict()
    if widened:
        # every head takes its input by one layer; what it does not know yet counts nothing at first
        known["head.project.weight"] = _widen(known["head.project.weight"], CHANNELS)
    restore(network, {name: known[name] for name in trained_state(network)})


def _widen(weight: Tensor, channels: int) -> Tensor:
    """Return a layer's weight (out, in, ...) with so many further inputs, of weight zero."""
    return torch.cat([weight, weight.new_zeros(weight.shape[0], channels, *weight.shape[2:])], dim=1)
