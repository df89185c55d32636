"""Which of several training processes this one is."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from rhoma.models.runtimes import resolve_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rhoma.models.runtimes import Device


def world() -> tuple[int, int]:
    """Return (rank, number of ranks) of this process; (0, 1) without torch.distributed."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


@contextmanager
def joined(device: Device) -> Iterator[tuple[str, int]]:
    """Give the device of this process and the number of ranks, after joining those that torchrun started.

    Raises:
        DeviceError: ``cuda`` where there is none.
    """
    where: str = resolve_device(device)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks > 1:
        if where == "cuda":
            where = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
            torch.cuda.set_device(where)
        dist.init_process_group("gloo" if where == "cpu" else "nccl")
    try:
        yield where, ranks
    finally:
        if ranks > 1:
            dist.destroy_process_group()
