"""Which of several training processes this one is."""

from __future__ import annotations

import torch.distributed as dist


def world() -> tuple[int, int]:
    """Return (rank, number of ranks) of this process; (0, 1) without torch.distributed."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
