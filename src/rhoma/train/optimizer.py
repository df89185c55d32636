"""The optimiser: AdamW, or Muon for the matrices and AdamW for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhoma.train.config import TrainConfig

_BETAS = (0.9, 0.98)
_MOMENTUM = 0.95


class Optimizers:
    """One or two optimisers as one; states are numbered through, as a checkpoint keeps them."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = list(parts)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of every group."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Change the parameters by their gradients."""
        for part in self.parts:
            part.step()

    def state(self) -> dict[int, dict[str, Any]]:
        """Return what each parameter's updates depend on, by its number."""
        states: dict[int, dict[str, Any]] = {}
        for part, start in zip(self.parts, self._starts(), strict=True):
            states |= {start + number: state for number, state in part.state_dict()["state"].items()}
        return states

    def load_state(self, states: dict[int, dict[str, Any]]) -> None:
        """Take back what `state` returned."""
        starts = self._starts()
        for part, start in zip(self.parts, starts, strict=True):
            groups = part.state_dict()["param_groups"]
            size = sum(len(group["params"]) for group in groups)
            own = {number - start: state for number, state in states.items() if start <= number < start + size}
            part.load_state_dict({"state": own, "param_groups": groups})

    def _starts(self) -> list[int]:
        sizes = [sum(len(group["params"]) for group in part.param_groups) for part in self.parts]
        return [sum(sizes[:number]) for number in range(len(sizes))]


def make_optimizer(modules: Sequence[nn.Module], config: TrainConfig) -> Optimizers:
    """Return the optimiser of all parameters of `modules` that are trained; vectors are not decayed.

    With ``muon`` the matrices of linear layers are updated by Muon (Jordan 2024) at the step length of AdamW
    (Liu et al. 2025, Muon is scalable for LLM training), everything else by AdamW.
    """
    embeddings = {id(p) for m in modules for e in m.modules() if isinstance(e, nn.Embedding) for p in e.parameters()}
    trained = [p for module in modules for p in module.parameters() if p.requires_grad]
    matrices = [p for p in trained if config.optimizer == "muon" and p.ndim == 2 and id(p) not in embeddings]
    taken = {id(p) for p in matrices}
    decayed = [p for p in trained if p.ndim > 1 and id(p) not in taken]
    plain = [p for p in trained if p.ndim <= 1]
    decay = config.weight_decay
    parts: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}],
            lr=config.learning_rate,
            betas=_BETAS,
        )
    ]
    if matrices:
        parts.append(
            torch.optim.Muon(
                matrices,
                lr=config.learning_rate,
                weight_decay=decay,
                momentum=_MOMENTUM,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    return Optimizers(parts)
