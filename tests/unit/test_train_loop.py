from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from safetensors.torch import load_file  # noqa: E402

from rhoma.errors import ArtefactError  # noqa: E402
from rhoma.train.checkpoint import load_best  # noqa: E402
from rhoma.train.factory import make_network  # noqa: E402
from rhoma.train.loop import backward, learning_rate, train  # noqa: E402
from rhoma.train.loss import HomologyLoss  # noqa: E402
from rhoma.train.sampler import Sampler  # noqa: E402
from rhoma.train.settings import resolve  # noqa: E402
from rhoma.train.whiten import fit_whitening  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from rhoma.models.network import HomologyNetwork
    from rhoma.train.config import TrainConfig
    from rhoma.train.data import Family

Settings = dict[str, Any]


class Stopped(Exception):
    """Stands for a kill."""


def parts(settings: Settings, **loop: object) -> tuple[HomologyNetwork, TrainConfig]:
    config = resolve(given=settings | {"train": settings["train"] | loop})
    network, _ = make_network(config)
    return network, config.train


def gradients(network: HomologyNetwork, families: list[Family], config: TrainConfig) -> dict[str, Any]:
    loss = HomologyLoss(config.temperature, config.clan)
    network.zero_grad()
    torch.manual_seed(0)
    backward(network, loss, Sampler(families, config).batch(0), config)
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def assert_equal_gradients(one: Any, two: Any, name: str) -> None:
    """Equal but for the rounding of sums in another order."""
    scale = float(two.abs().max())
    assert float((one - two).abs().max()) <= 1e-5 + 1e-4 * scale, name


def test_the_rate_warms_up_and_falls(tiny_settings: Settings) -> None:
    _, config = parts(tiny_settings, steps=100, warmup=0.1, learning_rate=1.0)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert rates[10] == 1.0
    assert all(a > b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert 0.01 < rates[-1] < 0.02


def test_two_steps_give_the_known_losses(tmp_path: Path, tiny_settings: Settings, tiny_families: list[Family]) -> None:
    network, config = parts(tiny_settings, steps=2)
    log = train(network, Sampler(tiny_families, config), config, tmp_path)
    assert [entry["loss"] for entry in log] == pytest.approx([2.7010, 3.6233], abs=2e-3)


def test_training_lowers_the_loss(tmp_path: Path, tiny_settings: Settings, tiny_families: list[Family]) -> None:
    network, config = parts(tiny_settings, steps=48, learning_rate=3e-3)
    log = train(network, Sampler(tiny_families, config), config, tmp_path)
    losses = [entry["loss"] for entry in log]
    assert sum(losses[-16:]) < sum(losses[:16])


@pytest.mark.parametrize("stop", [3, 5])
def test_a_killed_training_goes_on_to_the_same_losses(
    stop: int, tmp_path: Path, tiny_settings: Settings, tiny_families: list[Family]
) -> None:
    def validate(network: HomologyNetwork) -> dict[str, float]:
        return {"score": float(sum(p.detach().sum() for p in network.parameters()))}

    def kill(step: int, entry: dict[str, float]) -> None:
        if step + 1 == stop:
            raise Stopped

    network, config = parts(tiny_settings)
    whole = train(network, Sampler(tiny_families, config), config, tmp_path / "a", validate=validate)
    other, _ = parts(tiny_settings)
    with pytest.raises(Stopped):
        train(other, Sampler(tiny_families, config), config, tmp_path / "b", validate=validate, report=kill)
    again, _ = parts(tiny_settings, seed=1)
    resumed = train(again, Sampler(tiny_families, config), config, tmp_path / "b", validate=validate)
    assert resumed == whole
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_the_map_of_the_loss_begins_as_the_whitening_is_trained_and_survives_a_kill(
    tmp_path: Path, tiny_settings: Settings, tiny_families: list[Family]
) -> None:
    words = {"encoder": "words", "sizes": {"filters": 32, "width": 4, "threshold": 1}, "head": {}, "whitened": 8}
    begun: list[Any] = []

    def whiten(network: HomologyNetwork) -> None:
        fit_whitening(network, tiny_families, 64, 0.65)
        assert network.whitening is not None
        begun.append(network.whitening.matrix.detach().clone())

    def validate(network: HomologyNetwork) -> dict[str, float]:
        # a validation fits the whitening for itself
        fit_whitening(network, tiny_families[:3], 64, 0.0)
        return {"score": float(sum(p.detach().sum() for p in network.encoder.parameters()))}  # type: ignore[attr-defined]

    def kill(step: int, entry: dict[str, float]) -> None:
        if step == 4:
            raise Stopped

    def run(where: str, **more: Any) -> tuple[HomologyNetwork, list[dict[str, float]]]:
        network, config = parts(tiny_settings | words, learning_rate=0.05)
        sampler = Sampler(tiny_families, config)
        options = {"validate": validate, "whiten": whiten, "map_rate": 0.1} | more
        return network, train(network, sampler, config, tmp_path / where, **options)

    network, whole = run("a")
    assert len(begun) == 1
    assert network.whitening is not None
    assert not network.whitening.matrix.requires_grad
    trained = load_file(tmp_path / "a" / "checkpoint" / "state.safetensors")["network.whitening.matrix"]
    assert 0 < float((trained - begun[0]).abs().max()) < 0.2
    with pytest.raises(Stopped):
        run("b", report=kill)
    again, resumed = run("b")
    assert resumed == whole
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_the_network_ends_as_it_was_at_its_best_and_stops_early(
    tmp_path: Path, tiny_settings: Settings, tiny_families: list[Family]
) -> None:
    network, config = parts(tiny_settings, steps=20, validate_every=2, patience=2)
    seen: list[dict[str, Any]] = []
    scores = iter([0.1, 0.5, 0.3, 0.4, 0.9])

    def validate(net: HomologyNetwork) -> dict[str, float]:
        seen.append({k: v.clone() for k, v in net.state_dict().items()})
        return {"score": next(scores)}

    log = train(network, Sampler(tiny_families, config), config, tmp_path, validate=validate)
    assert len(log) == 8
    assert all(torch.equal(v, seen[1][k]) for k, v in network.state_dict().items())
    weights, loop, kept = load_best(tmp_path)
    assert loop == config
    assert kept == log
    assert all(torch.equal(v, seen[1][k]) for k, v in weights.items())
    # started again it stays stopped
    again, _ = parts(tiny_settings)
    assert train(again, Sampler(tiny_families, config), config, tmp_path, validate=validate) == log


def test_a_checkpoint_of_other_settings_is_refused(
    tmp_path: Path, tiny_settings: Settings, tiny_families: list[Family]
) -> None:
    network, config = parts(tiny_settings, steps=2)
    train(network, Sampler(tiny_families, config), config, tmp_path)
    network, config = parts(tiny_settings, steps=2, temperature=0.2)
    with pytest.raises(ArtefactError, match="another configuration"):
        train(network, Sampler(tiny_families, config), config, tmp_path)
    state = tmp_path / "checkpoint" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-9])
    with pytest.raises(ArtefactError, match="cannot be read"):
        load_best(tmp_path)


@pytest.mark.parametrize("micro_batch", [1, 4, 7])
def test_cached_gradients_are_those_of_the_whole_batch(
    micro_batch: int, tiny_settings: Settings, tiny_families: list[Family]
) -> None:
    network, config = parts(tiny_settings)
    whole = gradients(network, tiny_families, config)
    sliced = gradients(network, tiny_families, config.model_copy(update={"micro_batch": micro_batch}))
    assert whole.keys() == sliced.keys()
    assert max(float(g.abs().max()) for g in whole.values()) > 1e-3
    for name, gradient in whole.items():
        assert_equal_gradients(sliced[name], gradient, name)


def test_cached_gradients_repeat_the_dropout(
    tiny_settings: Settings, tiny_families: list[Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, config = parts(tiny_settings, micro_batch=4)
    network.head.pool.score.register_forward_pre_hook(  # type: ignore[union-attr]
        lambda module, args: (torch.nn.functional.dropout(args[0], 0.5, training=True),)
    )
    made: list[Any] = []
    from rhoma.train import loop

    original = loop.embed_views

    def record(*args: Any) -> Any:
        vectors = original(*args)
        made.append(vectors.detach().clone())
        return vectors

    monkeypatch.setattr(loop, "embed_views", record)
    gradients(network, tiny_families, config)
    half = len(made) // 2
    assert half > 1
    assert all(torch.equal(a, b) for a, b in zip(made[:half], made[half:], strict=True))


RANK_PROGRAM = """
import json, os, sys
from pathlib import Path
import torch, torch.distributed as dist
from safetensors.torch import save_file
from rhoma.train.data import load_families
from rhoma.train.loop import average_gradients, backward
from rhoma.train.loss import HomologyLoss
from rhoma.train.factory import make_network
from rhoma.train.sampler import Sampler
from rhoma.train.settings import resolve

torch.set_num_threads(1)
rfam, out, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
rank = int(os.environ["RANK"])
dist.init_process_group("gloo", init_method=f"file://{out}/meet", rank=rank, world_size=2)
families = load_families(Path(rfam), [f"RF{n:05d}" for n in range(1, 13)])
for micro_batch in (0, 4):
    config = resolve(given=settings)
    network, _ = make_network(config)
    loop = config.train.model_copy(update={"micro_batch": micro_batch})
    value = backward(network, HomologyLoss(loop.temperature, loop.clan), Sampler(families, loop).batch(0), loop)
    average_gradients([p for p in network.parameters() if p.requires_grad])
    tensors = {n: p.grad for n, p in network.named_parameters() if p.requires_grad} | {"loss": torch.tensor(value)}
    save_file(tensors, out / f"{micro_batch}.{rank}.safetensors")
dist.destroy_process_group()
"""


def test_two_ranks_give_the_gradient_of_one_process(
    tmp_path: Path, tiny_rfam: Path, tiny_settings: Settings, tiny_families: list[Family]
) -> None:
    import json

    # 5 families, 2 views, and 2 synthetic, 3 negatives: 17 views, so that the ranks' shares differ
    arguments = [sys.executable, "-c", RANK_PROGRAM, str(tiny_rfam), str(tmp_path), json.dumps(tiny_settings)]
    processes = [
        subprocess.Popen(
            arguments, env=os.environ | {"RANK": str(rank), "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=1800)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    network, config = parts(tiny_settings)
    expected = gradients(network, tiny_families, config)
    for micro_batch in (0, 4):
        found = [load_file(tmp_path / f"{micro_batch}.{rank}.safetensors") for rank in range(2)]
        assert float(found[0]["loss"]) == pytest.approx(float(found[1]["loss"]))
        for name, gradient in expected.items():
            assert_equal_gradients(found[0][name], gradient, name)
            assert torch.equal(found[0][name], found[1][name])
