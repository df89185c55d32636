"""Checkpoints of a training: safetensors and JSON, no pickle, renamed into place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rhoma.errors import ArtefactError
from rhoma.manifest import artefact_directory

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from rhoma.train.config import TrainConfig

Best = tuple[float, dict[str, "Tensor"]]
_NAME = "checkpoint"


def save_checkpoint(
    out: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    log: list[dict[str, float]],
    best: Best | None,
) -> None:
    """Write `out/checkpoint`: weights, best weights, optimiser moments, log and configuration."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
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
    out: Path, network: nn.Module, optimizer: torch.optim.Optimizer, config: TrainConfig
) -> tuple[list[dict[str, float]], Best | None]:
    """Return (log, best) of `out/checkpoint` after filling network and optimiser; ([], None) where there is none.

    Raises:
        ArtefactError: the checkpoint is damaged, or was made with another configuration.
    """
    directory = out / _NAME
    if not directory.exists():
        return [], None
    try:
        meta = json.loads((directory / "state.json").read_text())
        tensors = load_file(directory / "state.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise ArtefactError(
            f"the checkpoint cannot be read ({error})", path=directory, remedy="delete it to start again"
        ) from error
    if meta["config"] != config.model_dump(mode="json"):
        raise ArtefactError(
            "the checkpoint was made with another configuration",
            path=directory,
            remedy="use the same settings, or another --out",
        )
    network.load_state_dict(_section(tensors, "network."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _section(tensors, "optimizer.").items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    best = (meta["best"], _section(tensors, "best.")) if meta["best"] is not None else None
    return meta["log"], best


def _section(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
