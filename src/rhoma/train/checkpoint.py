"""Checkpoints of a training: safetensors and JSON, no pickle, renamed into place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rhoma.artifacts import artefact_directory
from rhoma.errors import ArtefactError, InputError
from rhoma.train.config import TrainConfig

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

Best = tuple[float, dict[str, "Tensor"]]
_NAME = "checkpoint"


def trained_state(network: nn.Module) -> dict[str, Tensor]:
    """Return the state of `network` without what is frozen; the whitening, which is fitted, is no such part."""
    parameters = network.named_parameters()
    frozen = {name for name, p in parameters if not p.requires_grad and not name.startswith("whitening.")}
    return {name: tensor for name, tensor in network.state_dict().items() if name not in frozen}


def restore(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Fill `network` with what `trained_state` returned.

    Raises:
        ArtefactError: the names do not match.
    """
    expected = set(trained_state(network))
    if expected != set(state):
        odd = min(expected ^ set(state))
        raise ArtefactError(f"parameter {odd} does not match the network", path=_NAME)
    network.load_state_dict(state, strict=False)


def save_checkpoint(
    out: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    log: list[dict[str, float]],
    best: Best | None,
    auxiliary: nn.Module | None = None,
) -> None:
    """Write `out/checkpoint`: weights, best weights, optimiser moments, log and configuration."""
    tensors = {f"network.{k}": v for k, v in trained_state(network).items()}
    if auxiliary is not None:
        tensors |= {f"auxiliary.{k}": v for k, v in auxiliary.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{key}": torch.as_tensor(value) for key, value in state.items()}
    if best is not None:
        tensors |= {f"best.{k}": v for k, v in best[1].items()}
    with artefact_directory(out / _NAME, overwrite=True) as directory:
        save_file(
            {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()},
            directory / "state.safetensors",
        )
        meta = {"config": config.model_dump(mode="json"), "best": best[0] if best else None, "log": log}
        (directory / "state.json").write_text(json.dumps(meta))


def load_checkpoint(
    out: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    auxiliary: nn.Module | None = None,
) -> tuple[list[dict[str, float]], Best | None]:
    """Return (log, best) of `out/checkpoint` after filling the modules; ([], None) where there is none.

    Raises:
        ArtefactError: the checkpoint is damaged, or was made with another configuration.
    """
    if not (out / _NAME).exists():
        return [], None
    meta, tensors = _read(out)
    if _config(meta, out) != config:
        raise ArtefactError(
            "the checkpoint was made with another configuration",
            path=out / _NAME,
            remedy="use the same settings, or another directory",
        )
    restore(network, _section(tensors, "network."))
    if auxiliary is not None:
        auxiliary.load_state_dict(_section(tensors, "auxiliary."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _section(tensors, "optimizer.").items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    best = (meta["best"], _section(tensors, "best.")) if meta["best"] is not None else None
    return meta["log"], best


def load_best(out: Path) -> tuple[dict[str, Tensor], TrainConfig, list[dict[str, float]]]:
    """Return the best weights of `out/checkpoint` (the last ones where none were validated), settings and log.

    Raises:
        InputError: there is no checkpoint.
        ArtefactError: it is damaged.
    """
    if not (out / _NAME).exists():
        raise InputError("has no checkpoint", path=out, remedy="give the --workdir of a training")
    meta, tensors = _read(out)
    weights = _section(tensors, "best." if meta["best"] is not None else "network.")
    return weights, _config(meta, out), meta["log"]


def _read(out: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    directory = out / _NAME
    try:
        meta = json.loads((directory / "state.json").read_text())
        return meta, load_file(directory / "state.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise ArtefactError(
            f"the checkpoint cannot be read ({error})", path=directory, remedy="delete it to start again"
        ) from error


def _config(meta: dict[str, Any], out: Path) -> TrainConfig:
    try:
        # settings that are newer than the checkpoint have their defaults
        return TrainConfig.model_validate(meta["config"])
    except (KeyError, ValueError) as error:
        raise ArtefactError(f"the checkpoint's settings are unknown ({error})", path=out / _NAME) from error


def _section(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
