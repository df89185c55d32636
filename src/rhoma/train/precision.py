"""Where half precision pays: GPUs, and processors with matrix units for bf16."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from rhoma.train.config import Precision


@cache
def processor_has_bf16() -> bool:
    """Return whether this processor multiplies bf16 itself (AMX, AVX-512, Arm).

    Without that torch emulates it, and a training step takes more than ten times as long as in fp32
    (docs/decisions.md).
    """
    # older versions of torch do not tell
    known: Callable[[], dict[str, bool]] = getattr(torch.cpu, "get_capabilities", dict)
    return any(present for name, present in known().items() if name.endswith("bf16"))


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Return the context in which a network runs; ``auto`` is bf16 wherever the device has it, else fp32."""
    half = precision == "bf16" or (precision == "auto" and (device.type != "cpu" or processor_has_bf16()))
    return torch.autocast(device.type, torch.bfloat16, enabled=half)
