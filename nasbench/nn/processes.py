"""Who this process is among those that ``torchrun`` started."""

from __future__ import annotations

from typing import NamedTuple

import torch.distributed as dist


class Place(NamedTuple):
    """This process's number and how many there are."""

    rank: int
    world: int


def place() -> Place:
    """Return this process's place; ``(0, 1)`` when it is alone."""
    if dist.is_available() and dist.is_initialized():
        return Place(dist.get_rank(), dist.get_world_size())
    return Place(0, 1)
