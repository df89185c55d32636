"""The structure channel: ViennaRNA's pairing probabilities beside the states that a head reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
RNA = pytest.importorskip("RNA")
torch.set_num_threads(1)

from rhoma.models.bundle import write_bundle  # noqa: E402
from rhoma.models.embedder import load_embedder  # noqa: E402
from rhoma.models.heads import HeadConfig  # noqa: E402
from rhoma.models.network import HomologyNetwork  # noqa: E402
from rhoma.models.pairing import pair_probabilities  # noqa: E402
from rhoma.train.factory import make_network  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

HAIRPIN = "GGGGACUUCGGUCCCC"
SEQUENCES = [HAIRPIN, "ACGUACGUUUAGCAUCGACUAGCAUCGAUCGACUACGAUGC", "AAAA", "GCNNGCAAAAGCUUGC"]


@pytest.mark.parametrize("sequence", [*SEQUENCES, "A"])
def test_probabilities_are_the_sums_of_the_pair_matrix(sequence: str) -> None:
    model = RNA.fold_compound(sequence)
    model.pf()
    matrix = np.array(model.bpp())[1:, 1:]
    expected = np.stack([matrix.sum(axis=1), matrix.sum(axis=0)], axis=1)
    found = pair_probabilities(sequence)
    assert found.dtype == np.float32
    assert found.shape == (len(sequence), 2)
    assert np.abs(found - expected).max() < 2e-3


def test_a_hairpin_opens_and_closes() -> None:
    found = pair_probabilities(HAIRPIN)
    assert (found[:4, 0] > 0.9).all()
    assert (found[-4:, 1] > 0.9).all()
    assert (found[7:9] < 0.1).all()


def structured(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"head": settings["head"] | {"structure": True}}


def test_probabilities_stand_at_their_residues(tiny_settings: dict[str, Any]) -> None:
    network, _ = make_network(resolve(given=structured(tiny_settings)))
    batch = network.tokenize(SEQUENCES)
    assert batch.pairing is not None
    for row, sequence in enumerate(SEQUENCES):
        np.testing.assert_array_equal(batch.pairing[row][batch.residues[row]].numpy(), pair_probabilities(sequence))
    assert float(batch.pairing[~batch.residues].abs().sum()) == 0
    moved = batch.to("cpu")
    assert moved.pairing is not None
    assert torch.equal(moved.pairing, batch.pairing)


@pytest.mark.parametrize("kind", ["transformer", "pooled", "mean"])
def test_every_head_reads_the_channel(kind: str, tiny_settings: dict[str, Any]) -> None:
    encoder = make_network(resolve(given=tiny_settings))[0].encoder
    sizes = {k: v for k, v in tiny_settings["head"].items() if kind != "mean"}
    torch.manual_seed(0)
    network = HomologyNetwork(encoder, HeadConfig(kind=kind, structure=True, **sizes)).eval()  # type: ignore[arg-type]
    batch = network.tokenize(SEQUENCES)
    assert batch.pairing is not None
    with torch.no_grad():
        vectors = network(batch)
        alone = torch.cat([network(network.tokenize([sequence])) for sequence in SEQUENCES])
        batch.pairing.zero_()
        without = network(batch)
    torch.testing.assert_close(vectors, alone, atol=1e-4, rtol=1e-4)
    assert float((vectors[0] - without[0]).abs().max()) > 1e-4


def test_a_bundle_keeps_the_channel_and_runs_with_torch(tmp_path: Path, tiny_settings: dict[str, Any]) -> None:
    network, info = make_network(resolve(given=structured(tiny_settings)))
    write_bundle(tmp_path / "b", network, info, name="n", window=64, stride=32, training={}, metrics={})
    assert not (tmp_path / "b" / "network.onnx").exists()
    found = load_embedder(tmp_path / "b", threads=1).embed(SEQUENCES)
    network.eval()
    with torch.no_grad():
        expected = torch.nn.functional.normalize(network(network.tokenize(SEQUENCES)), dim=1).numpy()
    assert ((found * expected).sum(axis=1) > 1 - 1e-4).all()
