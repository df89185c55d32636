"""What makes vectors: onnxruntime on the processor, torch on either device."""

from __future__ import annotations

import os
from glob import glob
from typing import TYPE_CHECKING, Literal

import numpy as np

from rhoma.errors import DeviceError, DeviceMemoryError
from rhoma.manifest import GRAPH
from rhoma.models.tape import BOTH_STRANDS, TAPE, embed_tape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnxruntime
    from numpy.typing import NDArray

    from rhoma.models.batched import Forward, OnTape
    from rhoma.models.tape import Tape

Device = Literal["auto", "cpu", "cuda"]
# device files of the drivers that torch knows as cuda: NVIDIA's (servers, Tegra, Windows' subsystem) and AMD's
_CARDS = ("/dev/nvidia*", "/dev/nvhost*", "/dev/dxg", "/dev/kfd")
_STRANDS = np.array(BOTH_STRANDS, dtype=np.int64)


def resolve_device(device: Device) -> Literal["cpu", "cuda"]:
    """Return where to compute: ``auto`` is a GPU where one can be used.

    Raises:
        DeviceError: ``cuda`` where there is none.
    """
    # torch takes seconds and 700 MB to say that a machine has no card
    if device == "cpu" or (device == "auto" and not any(glob(pattern) for pattern in _CARDS)):
        return "cpu"
    try:
        import torch

        present = torch.cuda.is_available()
    except ImportError:
        present = False
    if device == "cuda" and not present:
        raise DeviceError("a GPU was asked for (--device cuda), but none can be used. Remedy: --device cpu or auto")
    return "cuda" if present else "cpu"


def onnx_forward(bundle: Path, threads: int | None, measures: Tape | None) -> Forward:
    """Return what runs the graph of a bundle; with `measures` it is that of the words encoder."""
    from rhoma.models.encoders.tokens import COMPACT_VOCABULARY, lookup_table, tokenize

    session = _session(bundle / GRAPH, threads)
    table = lookup_table(COMPACT_VOCABULARY, unknown=5)
    shortest = 1 if measures is None else measures.width

    def forward(sequences: list[str], strands: int) -> NDArray[np.float32]:
        ids, _, _ = tokenize(sequences, table, max_length=1 << 20)
        if ids.shape[1] < shortest:
            ids = np.pad(ids, ((0, 0), (0, shortest - ids.shape[1])))
        if measures is None:
            vectors: NDArray[np.float32] = session.run(None, {"ids": ids})[0][:, None]
        else:
            vectors = session.run(None, {"ids": ids, "strands": _STRANDS[:strands]})[0]
        return vectors

    return forward


def onnx_tape(bundle: Path, threads: int | None, measures: Tape) -> OnTape:
    """Return what runs the tape of the words encoder."""
    from rhoma.models.encoders.tokens import COMPACT_VOCABULARY, lookup_table

    session = _session(bundle / TAPE, threads)
    table = lookup_table(COMPACT_VOCABULARY, unknown=5)

    def on_tape(windows: list[str], strands: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        def run(ids: NDArray[np.int64]) -> NDArray[np.float32]:
            vectors: NDArray[np.float32] = session.run(None, {"ids": ids, "strands": _STRANDS[:strands]})[0]
            return vectors

        return embed_tape(windows, measures, run, table)

    return on_tape


def _session(graph: Path, threads: int | None) -> onnxruntime.InferenceSession:
    # else it reports every session to its maker, from 1.29 on
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def torch_forward(network: object, device: Literal["cpu", "cuda"], threads: int | None) -> Forward:
    """Return what runs a network, one strand at a time."""
    import torch

    from rhoma.models.network import HomologyNetwork

    assert isinstance(network, HomologyNetwork)
    network.eval().to(device)
    if threads is not None:
        torch.set_num_threads(threads)

    def forward(sequences: list[str], _strands: int) -> NDArray[np.float32]:
        try:
            # bf16 on a GPU moves a cosine by less than the fp16 that stores keep
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                vectors = network(network.tokenize(sequences).to(device))
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError("the GPU's memory does not hold a batch of windows") from error
        result: NDArray[np.float32] = vectors.float().cpu().numpy()[:, None]
        return result

    return forward
