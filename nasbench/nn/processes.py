"""The rank of this process among those started by ``torchrun``."""

from __future__ import annotations

from typing import NamedTuple

import torch.distributed as dist


class Place(NamedTuple):
    """The rank of this process and the number of processes."""

    rank: int
    world: int


def place() -> Place:
    """Return this process's rank and the number of processes; ``(0, 1)`` without others."""
    if dist.is_available() and dist.is_initialized():
        return Place(dist.get_rank(), dist.get_world_size())
    return Place(0, 1)
