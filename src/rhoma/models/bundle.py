"""Writing and reading the networks of model bundles (the part of `embedder` that needs torch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rhoma.artifacts import artefact_directory
from rhoma.errors import ArtefactError
from rhoma.manifest import ModelManifest, file_entries, write_manifest
from rhoma.models.encoders import OWN
from rhoma.models.encoders.own import own_encoder
from rhoma.models.encoders.registry import load_encoder
from rhoma.models.heads import HeadConfig
from rhoma.models.network import HomologyNetwork
from rhoma.models.tape import tape_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from rhoma.manifest import EncoderInfo

ENCODER = "encoder.safetensors"
HEAD = "head.safetensors"
WHITENING = "whitening.safetensors"


def write_bundle(
    out: Path,
    network: HomologyNetwork,
    info: EncoderInfo,
    *,
    name: str,
    window: int,
    stride: int,
    training: dict[str, Any],
    metrics: dict[str, float],
    licence: str = "MIT",
    card: str = "",
    extra: dict[str, str] | None = None,
) -> None:
    """Write a model bundle to `out`, fp16 weights, manifest last.

    Args:
        out: directory; a bundle there is replaced.
        network: the trained network, adapters merged.
        info: where the encoder comes from; weights of our own and of an adapted encoder are stored.
        name: of the model.
        window: length of the windows it was trained on.
        stride: distance of windows in an index.
        training: data hash, split hash, configuration.
        metrics: figures of the validation.
        licence: of the weights.
        card: text of ``README.md``, the model card.
        extra: further text files by name (split, training log).
    """
    network = network.cpu().eval()
    with artefact_directory(out) as directory:
        if network.head.state_dict():
            save_file(_half(network.head.state_dict()), directory / HEAD)
        if network.whitening is not None:
            save_file(_half(network.whitening.state_dict()), directory / WHITENING)
        if info.kind in OWN or info.config.get("adapted"):
            save_file(_half(network.encoder.state_dict()), directory / ENCODER)  # type: ignore[attr-defined]
        # the graph reads letters only
        if info.kind in OWN and not network.config.structure:
            from rhoma.models.export import export_graphs

            parts = {"encoder": ENCODER, "head": HEAD, "whitening": WHITENING}
            weights = {part: file for part, file in parts.items() if (directory / file).is_file()}
            stored = load_network_parts(directory, info, network.config)
            export_graphs(stored, directory, weights, tape_of(info, window, stride))
        for file, text in {"README.md": card, **(extra or {})}.items():
            (directory / file).write_text(text, encoding="utf-8")
        for path in directory.iterdir():
            # safetensors makes files that only their owner may read
            path.chmod(0o644)
        manifest = ModelManifest(
            name=name,
            encoder=info,
            head=network.config.model_dump(mode="json"),
            dimension=network.dimension,
            window=window,
            stride=stride,
            training=training,
            metrics=metrics,
            licence=licence,
            files=file_entries(directory),
        )
        write_manifest(directory, manifest)


def load_network(bundle: Path, manifest: ModelManifest, *, model_dir: Path | str | None = None) -> HomologyNetwork:
    """Return the network of a verified bundle in fp32, in evaluation mode.

    Raises:
        ArtefactError: its weights do not fit its configuration.
    """
    return load_network_parts(bundle, manifest.encoder, HeadConfig.model_validate(manifest.head), model_dir=model_dir)


def load_network_parts(
    bundle: Path, info: EncoderInfo, head: HeadConfig, *, model_dir: Path | str | None = None
) -> HomologyNetwork:
    """Return the network of `info` and `head` with the weights found in `bundle`."""
    encoder: Any = own_encoder(info.kind, info.config) if info.kind in OWN else load_encoder(info, model_dir)
    network = HomologyNetwork(encoder, head)
    try:
        if (bundle / ENCODER).is_file():
            encoder.load_state_dict(_float(load_file(bundle / ENCODER)))
        if network.head.state_dict():
            network.head.load_state_dict(_float(load_file(bundle / HEAD)))
        if network.whitening is not None:
            network.whitening.load_state_dict(_float(load_file(bundle / WHITENING)))
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise ArtefactError(f"the weights do not fit the manifest ({first})", path=bundle) from error
    return network.eval()


def _half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: (v.half() if v.is_floating_point() else v).detach().cpu().contiguous().clone() for k, v in state.items()}


def _float(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.to(torch.float32) if v.is_floating_point() else v for k, v in state.items()}
