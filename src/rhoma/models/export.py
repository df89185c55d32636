"""A network with an encoder of our own as an ONNX graph whose weights stay in the bundle's safetensors files."""

from __future__ import annotations

import json
import logging
import struct
from typing import TYPE_CHECKING

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn import functional

from rhoma.manifest import GRAPH
from rhoma.models.encoders.protocol import TokenBatch
from rhoma.models.encoders.words import WordsEncoder, smoothed
from rhoma.models.tape import BOTH_STRANDS, TAPE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rhoma.models.network import HomologyNetwork
    from rhoma.models.tape import Tape

OPSET = 20
# words whose matches are made and summed before those of others are: what lies between stays in the processor's cache
_GROUP = 256
_TYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "I64": TensorProto.INT64}


class _FromIds(nn.Module):
    """Ids in, unit vectors out: token 0 is padding, every other token a nucleotide."""

    def __init__(self, network: HomologyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor) -> Tensor:
        present = ids > 0
        return functional.normalize(self.network(TokenBatch(ids, present, present)), dim=-1)


class _FromWords(nn.Module):
    """The same for the words encoder, without padding but that of sequences shorter than a word: no mask, one pass.

    ``strands`` (s, 2) says what vectors (b, s, d) are of: (0, 1) is a sequence, (1, 0) its reverse complement, which
    has the same norms with the halves of the words exchanged.
    """

    def __init__(self, network: HomologyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor, strands: Tensor) -> Tensor:
        encoder = self.network.encoder
        assert isinstance(encoder, WordsEncoder)
        return _vectors(self.network, torch.linalg.vector_norm(encoder.matches(ids), dim=2).square(), strands)


def _vectors(network: HomologyNetwork, squares: Tensor, strands: Tensor) -> Tensor:
    """Return the unit vectors (b, s, d) of squared norms (b, filters)."""
    halves = smoothed(squares).reshape(squares.shape[0], 2, squares.shape[1] // 2)
    vectors = halves.index_select(1, strands.flatten()).reshape(squares.shape[0], strands.shape[0], squares.shape[1])
    if network.whitening is not None:
        vectors = network.whitening(vectors)
    return functional.normalize(vectors, dim=-1)


class _FromTape(nn.Module):
    """A tape of letters in, the unit vectors of the windows that begin at every multiple of the stride out.

    Their shape is (windows, s, d), with ``strands`` as above.

    What overlapping windows share is matched once: squares are summed over blocks of a stride, and a window is some
    whole blocks and the beginning of the next.
    """

    def __init__(self, network: HomologyNetwork, tape: Tape) -> None:
        super().__init__()
        self.network = network
        self.tape = tape

    def forward(self, ids: Tensor, strands: Tensor) -> Tensor:
        encoder, tape = self.network.encoder, self.tape
        assert isinstance(encoder, WordsEncoder)
        whole, rest = divmod(tape.window - tape.width + 1, tape.stride)
        parts = []
        for matches in encoder.matches_of_groups(ids, _GROUP):
            blocks = matches[0].reshape(matches.shape[1], -1, tape.stride)
            begun = torch.linalg.vector_norm(blocks[..., :rest], dim=2).square()
            full = begun + torch.linalg.vector_norm(blocks[..., rest:], dim=2).square()
            squares = begun[:, whole : whole + tape.windows] if rest else torch.zeros_like(begun[:, : tape.windows])
            for first in range(whole):
                squares = squares + full[:, first : first + tape.windows]
            parts.append(squares)
        return _vectors(self.network, torch.cat(parts).T, strands)


def export_graphs(network: HomologyNetwork, directory: Path, weights: Mapping[str, str], tape: Tape | None) -> None:
    """Write ``network.onnx``: input ``ids`` (b, t) int64, output ``vectors`` (b, d) float32 unit rows; and the tape's.

    The graph of the words encoder takes sequences of one length and a second input, ``strands`` (s, 2) int64: rows
    (0, 1) for a sequence and (1, 0) for its reverse complement; its vectors are (b, s, d). ``tape.onnx`` has the inputs
    (1, `tape.letters`) and ``strands``, and as output the vectors (`tape.windows`, s, d).

    Args:
        network: with an encoder of our own, in fp32, on the processor.
        directory: the bundle, which holds the weights already.
        weights: parts of the network (encoder, head, whitening) and the files with their weights; the graphs point
            into them, so that the weights are stored once.
        tape: its measures, for the words encoder.

    Raises:
        ValueError: a parameter of the graph is in none of the files.
    """
    ids = torch.ones((3, 24), dtype=torch.int64)
    free = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("length", min=1)}
    if tape is None:
        _export(_FromIds(network).eval(), {"ids": ids}, {"ids": free}, directory, weights, GRAPH)
        return
    both = torch.tensor(BOTH_STRANDS)
    strands = {0: torch.export.Dim("strands", min=1)}
    inputs = {"ids": ids, "strands": both}
    _export(_FromWords(network).eval(), inputs, {"ids": free, "strands": strands}, directory, weights, GRAPH)
    inputs = {"ids": torch.ones((1, tape.letters), dtype=torch.int64), "strands": both}
    _export(_FromTape(network, tape).eval(), inputs, {"ids": {}, "strands": strands}, directory, weights, TAPE)


def _export(
    wrapped: nn.Module,
    inputs: Mapping[str, Tensor],
    free: Mapping[str, Mapping[int, object]],
    directory: Path,
    weights: Mapping[str, str],
    name: str,
) -> None:
    stored = {
        f"network.{part}.{key}": (file, entry)
        for part, file in weights.items()
        for key, entry in safetensors_layout(directory / file).items()
    }
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(
        wrapped,
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=["vectors"],
        opset_version=OPSET,
        dynamic_shapes=dict(free),
        dynamo=True,
        optimize=False,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        # where in the source a node comes from is of no use to a reader of the bundle, and differs by
        # installation
        del node.metadata_props[:]
        node.doc_string = ""
    casts = []
    kept = []
    for tensor in model.graph.initializer:
        if tensor.name not in stored:
            if tensor.name.startswith("network."):
                raise ValueError(f"{tensor.name} is in none of {sorted(weights.values())}")
            kept.append(tensor)
            continue
        file, (dtype, shape, offset, length) = stored[tensor.name]
        pointer = TensorProto(name=f"{tensor.name}.stored", data_type=_TYPES[dtype], dims=shape)
        pointer.data_location = TensorProto.EXTERNAL
        for key, value in (("location", file), ("offset", str(offset)), ("length", str(length))):
            pointer.external_data.add(key=key, value=value)
        kept.append(pointer)
        casts.append(helper.make_node("Cast", [pointer.name], [tensor.name], to=tensor.data_type))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
    del model.metadata_props[:]
    (directory / name).write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(directory / name))


def safetensors_layout(path: Path) -> dict[str, tuple[str, list[int], int, int]]:
    """Return (dtype, shape, offset in the file, bytes) of every tensor of a safetensors file.

    The format: 8 bytes with the header's length, a JSON header, the data
    (github.com/huggingface/safetensors).
    """
    with path.open("rb") as handle:
        size = struct.unpack("<Q", handle.read(8))[0]
        header = json.loads(handle.read(size))
    return {
        key: (
            entry["dtype"],
            entry["shape"],
            8 + size + entry["data_offsets"][0],
            entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for key, entry in header.items()
        if key != "__metadata__"
    }
