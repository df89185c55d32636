from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from rhoma.errors import InputError  # noqa: E402
from rhoma.train.augment import encode  # noqa: E402
from rhoma.train.auxiliary import Auxiliary, aligned_positions, mask_letters  # noqa: E402
from rhoma.train.data import Family as Record  # noqa: E402
from rhoma.train.factory import make_network  # noqa: E402
from rhoma.train.loop import train  # noqa: E402
from rhoma.train.sampler import Sampler  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.train.data import Family


def test_letters_are_masked_in_the_known_shares() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 200_000).astype(np.uint8)
    masked, targets = mask_letters(codes, rng)
    chosen = targets >= 0
    assert chosen.sum() / (codes < 4).sum() == pytest.approx(0.15, abs=0.005)
    assert not chosen[codes == 4].any()
    assert (targets[chosen] == codes[chosen]).all()
    assert (masked[~chosen] == codes[~chosen]).all()
    share = (masked[chosen] == 4).mean()
    assert share == pytest.approx(0.8, abs=0.01)
    # a random base is the old one in a quarter of the cases
    assert (masked[chosen] == codes[chosen]).mean() == pytest.approx(0.125, abs=0.01)


def test_aligned_positions_share_columns() -> None:
    left, right = aligned_positions(np.array([0, 2, 3, 7], np.int32), np.array([1, 2, 7, 9], np.int32))
    assert left.tolist() == [1, 3]
    assert right.tolist() == [1, 2]


def network_and(settings: dict[str, Any], **loop: object) -> Any:
    config = resolve(given=settings | {"train": settings["train"] | loop})
    network, _ = make_network(config)
    return network, config.train


@pytest.mark.parametrize("name", ["masked", "aligned"])
def test_a_loss_reaches_the_encoder_and_falls(
    name: str, tmp_path: Path, tiny_settings: dict[str, Any], tiny_families: list[Family]
) -> None:
    network, config = network_and(tiny_settings, steps=30, learning_rate=1e-2, auxiliary_views=8, **{name: 1.0})
    auxiliary = Auxiliary(network.encoder.hidden_size, tiny_families, config)
    loss = auxiliary.losses(network, 0)()
    loss.backward()
    assert network.encoder.convolution.weight.grad.abs().sum() > 0
    assert network.head.project.weight.grad is None
    log = train(network, Sampler(tiny_families, config), config, tmp_path, auxiliary=auxiliary)
    assert sum(e[name] for e in log[-6:]) < sum(e[name] for e in log[:6])


def test_a_resumed_training_has_the_same_auxiliary_losses(
    tmp_path: Path, tiny_settings: dict[str, Any], tiny_families: list[Family]
) -> None:
    logs = []
    for run in range(2):
        network, config = network_and(tiny_settings, steps=6, masked=0.5, aligned=0.5, auxiliary_views=4)
        torch.manual_seed(run)
        auxiliary = Auxiliary(network.encoder.hidden_size, tiny_families, config)
        if run:
            # the checkpoint of the first run, four steps in
            import json
            import shutil

            shutil.copytree(tmp_path / "half", tmp_path / "b")
            assert len(json.loads((tmp_path / "b/checkpoint/state.json").read_text())["log"]) == 4

        def copy(step: int, entry: dict[str, float]) -> None:
            if step == 4 and not (tmp_path / "half").exists():
                import shutil

                shutil.copytree(tmp_path / "a", tmp_path / "half")

        logs.append(
            train(
                network,
                Sampler(tiny_families, config),
                config,
                tmp_path / ("b" if run else "a"),
                auxiliary=auxiliary,
                report=copy,
            )
        )
    assert logs[0] == logs[1]


def test_alignments_are_needed_for_their_loss(tiny_settings: dict[str, Any]) -> None:
    _, config = network_and(tiny_settings, aligned=1.0)
    family = Record("RF1", "RF1", [encode("ACGU" * 10)], [None], [None])
    with pytest.raises(InputError, match="no training family has an alignment"):
        Auxiliary(8, [family], config)
