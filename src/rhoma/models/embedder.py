"""Model bundles: an encoder and a head in one directory, and the embedder that search and index use.

A bundle holds ``manifest.json``, ``encoder.safetensors`` (unless the encoder is a public one, which the
manifest names), ``head.safetensors`` where the head has weights, ``whitening.safetensors`` and, for an encoder of our
own, ``network.onnx``: the same network as a graph whose weights are read from these files, so that onnxruntime can run
it without torch; for ``words`` ``tape.onnx``, too, which reads overlapping windows once.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from rhoma.artifacts import MANIFEST
from rhoma.errors import ArtefactError, InputError
from rhoma.manifest import GRAPH, EncoderInfo, ModelManifest, read_manifest, sha256_file, verify_files
from rhoma.models.batched import BatchedEmbedder
from rhoma.models.runtimes import onnx_forward, onnx_tape, resolve_device, torch_forward
from rhoma.models.tape import tape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rhoma.models.encoders.public import PublicEncoder
    from rhoma.models.runtimes import Device

# nucleotides a forward pass, padding included: states of a batch stay in the processor's cache
_BATCH_NUCLEOTIDES = {"cpu": 4_096, "cuda": 131_072}


class Embedder(Protocol):
    """What stores, indexes and searches ask of a model: name, fingerprint, shape of windows, vectors."""

    @property
    def name(self) -> str:
        """Return the name of the model."""

    @property
    def sha256(self) -> str:
        """Return the fingerprint of the model, for a bundle the sha256 of its manifest."""

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""

    @property
    def window(self) -> int:
        """Return the length of a window in nucleotides."""

    @property
    def stride(self) -> int:
        """Return the distance of two windows in nucleotides."""

    def embed(
        self, sequences: Sequence[str], *, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return (n, d) float32 unit rows, one a sequence (upper-case RNA), in their order."""


def shipped_bundle() -> Path:
    """Return the directory of the model bundle that comes with Rhoma.

    Raises:
        ArtefactError: this installation lacks it.
    """
    candidates = [
        Path(str(files("rhoma"))) / "assets" / "encoder",
        Path(__file__).parents[3] / "assets" / "encoder",
    ]
    for candidate in candidates:
        if (candidate / MANIFEST).is_file():
            return candidate
    raise ArtefactError("the shipped encoder is missing", path=candidates[-1], remedy="install Rhoma again")


def load_embedder(
    model: Path | str | None = None,
    *,
    device: Device = "cpu",
    threads: int | None = None,
    model_dir: Path | str | None = None,
    runtime: Literal["auto", "onnx", "torch"] = "auto",
) -> Embedder:
    """Return the embedder of a bundle or of a public encoder.

    Args:
        model: directory of a bundle; the name of a public encoder such as ``rinalmo-giga``, whose mean state
            is then the vector; None for the shipped encoder.
        device: ``auto`` takes a GPU where there is one.
        threads: processor threads; None leaves it to the library.
        model_dir: directory with the weights of a public encoder.
        runtime: ``auto`` takes onnxruntime where the bundle has a graph and the device is the processor.

    Raises:
        ArtefactError: the bundle is damaged or newer than this version.
        DeviceError: ``cuda`` where there is no GPU.
        InputError: no such bundle or encoder.
    """
    if is_public(model):
        return _public_embedder(str(model), device, threads, model_dir)
    bundle = bundle_of(model)
    manifest = read_manifest(bundle, ModelManifest)
    verify_files(bundle, manifest)
    fingerprint = sha256_file(bundle / MANIFEST)
    where = resolve_device(device)
    graph, tape, measures = GRAPH in manifest.files, None, None
    if runtime == "onnx" and not graph:
        raise ArtefactError(f"has no {GRAPH}", path=bundle, remedy="use the torch runtime")
    if graph and where == "cpu" and runtime != "torch":
        measures = tape_of(manifest.encoder, manifest.window, manifest.stride)
        forward = onnx_forward(bundle, threads, measures)
        if measures is not None:
            tape = onnx_tape(bundle, threads, measures)
    else:
        from rhoma.models.bundle import load_network

        forward = torch_forward(load_network(bundle, manifest, model_dir=model_dir), where, threads)
    return BatchedEmbedder(
        forward,
        name=manifest.name,
        sha256=fingerprint,
        dimension=manifest.dimension,
        window=manifest.window,
        stride=manifest.stride,
        batch_nucleotides=_BATCH_NUCLEOTIDES[where],
        padded=manifest.encoder.kind != "words",
        both=measures.width if measures is not None else None,
        tape=tape,
    )


def window_shape(model: Path | str | None = None) -> tuple[int, int]:
    """Return length and distance of the windows of a model, which is not loaded.

    Raises:
        ArtefactError: the bundle is damaged or newer than this version.
        InputError: no such bundle or encoder.
    """
    from rhoma.models.encoders.public import PUBLIC

    if is_public(model):
        return _public_windows(PUBLIC[str(model)])
    manifest = read_manifest(bundle_of(model), ModelManifest)
    return manifest.window, manifest.stride


def is_public(model: Path | str | None) -> bool:
    """Return whether this names a public encoder, and no directory."""
    from rhoma.models.encoders.public import PUBLIC

    return model is not None and str(model) in PUBLIC and not Path(model).exists()


def bundle_of(model: Path | str | None) -> Path:
    """Return the directory of a bundle, by default of the shipped one.

    Raises:
        ArtefactError: the shipped one is missing.
        InputError: it is no bundle.
    """
    from rhoma.models.encoders.public import PUBLIC

    bundle = shipped_bundle() if model is None else Path(model)
    if not (bundle / MANIFEST).is_file():
        raise InputError(
            "is no model bundle",
            path=bundle,
            remedy=f"give a directory with {MANIFEST}, or one of {', '.join(sorted(PUBLIC))}",
        )
    return bundle


def _public_windows(spec: PublicEncoder) -> tuple[int, int]:
    return min(128, spec.max_length), min(64, spec.max_length // 2)


def _public_embedder(name: str, device: Device, threads: int | None, model_dir: Path | str | None) -> BatchedEmbedder:
    from rhoma.models.encoders.public import PUBLIC
    from rhoma.models.encoders.registry import load_encoder, weights_sha256
    from rhoma.models.heads import HeadConfig
    from rhoma.models.network import HomologyNetwork

    spec = PUBLIC[name]
    window, stride = _public_windows(spec)
    where = resolve_device(device)
    info = EncoderInfo(kind=spec.kind, hub_id=spec.hub_id)
    network = HomologyNetwork(load_encoder(info, model_dir), HeadConfig(kind="mean"))
    weights = weights_sha256(info, model_dir)
    return BatchedEmbedder(
        torch_forward(network, where, threads),
        name=name,
        sha256=hashlib.sha256(f"{name} mean {weights}".encode()).hexdigest(),
        dimension=network.dimension,
        window=window,
        stride=stride,
        batch_nucleotides=_BATCH_NUCLEOTIDES[where],
    )
