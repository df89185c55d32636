"""Model bundles: an encoder and a head in one directory, and the embedder that search and index use.

A bundle holds ``manifest.json``, ``encoder.safetensors`` (unless the encoder is a public one, which the
manifest names), ``head.safetensors`` where the head has weights, ``whitening.safetensors`` and, for an encoder of our
own, ``network.onnx``: the same network as a graph whose weights are read from these files, so that onnxruntime can run
it without torch.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from rhoma.artifacts import MANIFEST
from rhoma.errors import ArtefactError, DeviceError, DeviceMemoryError, InputError
from rhoma.manifest import GRAPH, EncoderInfo, ModelManifest, read_manifest, sha256_file, verify_files
from rhoma.models.tape import TAPE, embed_tape, tape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import onnxruntime
    from numpy.typing import NDArray

    from rhoma.models.encoders.public import PublicEncoder
    from rhoma.models.tape import Tape

Device = Literal["auto", "cpu", "cuda"]
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


class BatchedEmbedder:
    """An embedder over a function from a list of sequences to vectors; equal sequences are embedded once."""

    def __init__(
        self,
        forward: Callable[[list[str]], NDArray[np.float32]],
        *,
        name: str,
        sha256: str,
        dimension: int,
        window: int,
        stride: int,
        batch_nucleotides: int = _BATCH_NUCLEOTIDES["cpu"],
        padded: bool = True,
        tape: Callable[[list[str]], Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]] | None = None,
    ) -> None:
        self.name = name
        self.sha256 = sha256
        self.dimension = dimension
        self.window = window
        self.stride = stride
        self._forward = forward
        self._batch = batch_nucleotides
        self._padded = padded
        self._tape = tape

    def embed(
        self, sequences: Sequence[str], *, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return (n, d) float32 unit rows in the order of `sequences`.

        Sequences of like length share a batch, of equal length where `padded` is False; padding moves a vector by
        rounding only. What windows share that follow each other is embedded once where there is a `tape`.

        Raises:
            InputError: an empty sequence, or one longer than the window.
        """
        distinct: dict[str, list[int]] = {}
        for row, sequence in enumerate(sequences):
            if not 0 < len(sequence) <= self.window:
                raise InputError(
                    f"a window of {len(sequence)} nt does not fit the model {self.name}",
                    remedy=f"cut sequences into windows of 1 to {self.window} nt",
                )
            distinct.setdefault(sequence, []).append(row)
        out = np.empty((len(sequences), self.dimension), dtype=np.float32)
        done = 0
        for part, vectors in self._vectors(list(distinct)):
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            for sequence, vector in zip(part, vectors, strict=True):
                out[distinct[sequence]] = vector
            done += len(part)
            if progress is not None:
                progress(done, len(distinct))
        return out

    def _vectors(self, sequences: list[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield some of the sequences with their vectors, until all were there."""
        if self._tape is not None:
            whole = [sequence for sequence in sequences if len(sequence) == self.window]
            for numbers, vectors in self._tape(whole):
                yield [whole[number] for number in numbers], vectors
            sequences = [sequence for sequence in sequences if len(sequence) < self.window]
        ordered = sorted(sequences, key=lambda s: (len(s), s))
        start = 0
        while start < len(ordered):
            end = start + 1
            while end < len(ordered) and (end - start + 1) * len(ordered[end]) <= self._batch:
                if not self._padded and len(ordered[end]) > len(ordered[start]):
                    break
                end += 1
            yield ordered[start:end], self._forward(ordered[start:end])
            start = end


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


def shipped_sha256() -> str | None:
    """Return the fingerprint of the shipped encoder, None where this installation lacks it."""
    try:
        return sha256_file(shipped_bundle() / MANIFEST)
    except ArtefactError:
        return None


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
    if _is_public(model):
        return _public_embedder(str(model), device, threads, model_dir)
    bundle = _bundle(model)
    manifest = read_manifest(bundle, ModelManifest)
    verify_files(bundle, manifest)
    fingerprint = sha256_file(bundle / MANIFEST)
    where = resolve_device(device)
    graph, tape = GRAPH in manifest.files, None
    if runtime == "onnx" and not graph:
        raise ArtefactError(f"has no {GRAPH}", path=bundle, remedy="use the torch runtime")
    if graph and where == "cpu" and runtime != "torch":
        measures = tape_of(manifest.encoder, manifest.window, manifest.stride)
        forward = _onnx_forward(bundle, threads, shortest=1 if measures is None else measures.width)
        if measures is not None:
            tape = _onnx_tape(bundle, threads, measures)
    else:
        from rhoma.models.bundle import load_network

        forward = _torch_forward(load_network(bundle, manifest, model_dir=model_dir), where, threads)
    return BatchedEmbedder(
        forward,
        name=manifest.name,
        sha256=fingerprint,
        dimension=manifest.dimension,
        window=manifest.window,
        stride=manifest.stride,
        batch_nucleotides=_BATCH_NUCLEOTIDES[where],
        padded=manifest.encoder.kind != "words",
        tape=tape,
    )


def window_shape(model: Path | str | None = None) -> tuple[int, int]:
    """Return length and distance of the windows of a model, which is not loaded.

    Raises:
        ArtefactError: the bundle is damaged or newer than this version.
        InputError: no such bundle or encoder.
    """
    from rhoma.models.encoders.public import PUBLIC

    if _is_public(model):
        return _public_windows(PUBLIC[str(model)])
    manifest = read_manifest(_bundle(model), ModelManifest)
    return manifest.window, manifest.stride


def _is_public(model: Path | str | None) -> bool:
    from rhoma.models.encoders.public import PUBLIC

    return model is not None and str(model) in PUBLIC and not Path(model).exists()


def _bundle(model: Path | str | None) -> Path:
    """Return the directory of a bundle, by default of the shipped one."""
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
        _torch_forward(network, where, threads),
        name=name,
        sha256=hashlib.sha256(f"{name} mean {weights}".encode()).hexdigest(),
        dimension=network.dimension,
        window=window,
        stride=stride,
        batch_nucleotides=_BATCH_NUCLEOTIDES[where],
    )


def resolve_device(device: Device) -> Literal["cpu", "cuda"]:
    """Return where to compute: ``auto`` is a GPU where one can be used.

    Raises:
        DeviceError: ``cuda`` where there is none.
    """
    if device == "cpu":
        return "cpu"
    try:
        import torch

        present = torch.cuda.is_available()
    except ImportError:
        present = False
    if device == "cuda" and not present:
        raise DeviceError("a GPU was asked for (--device cuda), but none can be used. Remedy: --device cpu or auto")
    return "cuda" if present else "cpu"


def _onnx_forward(bundle: Path, threads: int | None, *, shortest: int) -> Callable[[list[str]], NDArray[np.float32]]:
    from rhoma.models.encoders.tokens import COMPACT_VOCABULARY, lookup_table, tokenize

    session = _session(bundle / GRAPH, threads)
    table = lookup_table(COMPACT_VOCABULARY, unknown=5)

    def forward(sequences: list[str]) -> NDArray[np.float32]:
        ids, _, _ = tokenize(sequences, table, max_length=1 << 20)
        if ids.shape[1] < shortest:
            ids = np.pad(ids, ((0, 0), (0, shortest - ids.shape[1])))
        vectors: NDArray[np.float32] = session.run(None, {"ids": ids})[0]
        return vectors

    return forward


def _onnx_tape(
    bundle: Path, threads: int | None, measures: Tape
) -> Callable[[list[str]], Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]]:
    from rhoma.models.encoders.tokens import COMPACT_VOCABULARY, lookup_table

    session = _session(bundle / TAPE, threads)
    table = lookup_table(COMPACT_VOCABULARY, unknown=5)

    def run(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = session.run(None, {"ids": ids})[0]
        return vectors

    return lambda windows: embed_tape(windows, measures, run, table)


def _session(graph: Path, threads: int | None) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _torch_forward(
    network: object, device: Literal["cpu", "cuda"], threads: int | None
) -> Callable[[list[str]], NDArray[np.float32]]:
    import torch

    from rhoma.models.network import HomologyNetwork

    assert isinstance(network, HomologyNetwork)
    network.eval().to(device)
    if threads is not None:
        torch.set_num_threads(threads)

    def forward(sequences: list[str]) -> NDArray[np.float32]:
        try:
            # bf16 on a GPU moves a cosine by less than the fp16 that stores keep
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                vectors = network(network.tokenize(sequences).to(device))
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError("the GPU's memory does not hold a batch of windows") from error
        result: NDArray[np.float32] = vectors.float().cpu().numpy()
        return result

    return forward
