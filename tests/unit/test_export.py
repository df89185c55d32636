from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from safetensors.numpy import load_file  # noqa: E402

from rhoma.models.embedder import load_embedder  # noqa: E402
from rhoma.models.export import safetensors_layout  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


def test_graph_and_network_agree_for_any_batch_and_length(tiny_bundle: Path) -> None:
    graph = load_embedder(tiny_bundle, runtime="onnx", threads=1)
    network = load_embedder(tiny_bundle, runtime="torch", threads=1)
    rng = np.random.default_rng(0)
    for lengths in ([1], [64], [2, 3, 4], [64, 1, 30, 30], list(range(1, 20))):
        sequences = ["".join(rng.choice(list("ACGUN"), size=n)) for n in lengths]
        cosine = (graph.embed(sequences) * network.embed(sequences)).sum(1)
        assert (cosine > 1 - 1e-4).all()


def test_the_graph_holds_no_weights_of_its_own(tiny_bundle: Path) -> None:
    import onnx

    graph = onnx.load(str(tiny_bundle / "network.onnx"), load_external_data=False).graph
    stored = {t.name: t for t in graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL}
    weights = sum(len(load_file(tiny_bundle / f"{part}.safetensors")) for part in ("encoder", "head", "whitening"))
    assert len(stored) == weights
    own = [t for t in graph.initializer if t.name not in stored]
    assert all(len(t.raw_data) <= 4096 for t in own)


def test_offsets_point_at_the_tensors(tiny_bundle: Path) -> None:
    path = tiny_bundle / "head.safetensors"
    content = path.read_bytes()
    layout = safetensors_layout(path)
    tensors = load_file(path)
    assert set(layout) == set(tensors)
    for name, (dtype, shape, offset, length) in layout.items():
        assert dtype == "F16"
        read = np.frombuffer(content[offset : offset + length], dtype=np.float16).reshape(shape)
        np.testing.assert_array_equal(read, tensors[name])
