"""The processes that train one network: the rank of this one, and sums over all of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from nasbench.nn.shared_sums import SharedSums


class Place(NamedTuple):
    """The rank of this process and the number of processes."""

    rank: int
    world: int


def place() -> Place:
    """Return this process's rank and the number of processes; ``(0, 1)`` without others."""
    if _shared is not None:  # the process group takes microseconds to answer
        return Place(_shared.rank, _shared.world)
    if dist.is_available() and dist.is_initialized():
        return Place(dist.get_rank(), dist.get_world_size())
    return Place(0, 1)


_shared: SharedSums | None = None  # like torch's process group, one for this process
_meetings = 0


def share(sums: SharedSums | None) -> None:
    """Let :func:`sum_` use memory that the processes share; ``None`` ends that."""
    global _shared, _meetings
    _meetings += 1
    if _shared is not None:
        _shared.close()
    _shared = sums


def meeting() -> int:
    """Return a number that differs between one group of processes and the next."""
    return _meetings


def devices() -> int:
    """Return how many devices the processes occupy, as device-seconds count them.

    Processes that share memory also share the CPU of one machine, which counts as one device.
    """
    return 1 if _shared is not None else place().world


def sum_(tensor: Tensor) -> None:
    """Replace a contiguous tensor by its sum over the processes, with the same bits in all."""
    if _shared is not None and _shared.takes(tensor):
        _shared.sum_(tensor)
    else:
        dist.all_reduce(tensor)


def sum_together(*tensors: Tensor) -> list[Tensor]:
    """Return the sums of several tensors of one type over the processes, in one message."""
    if place().world == 1:
        return list(tensors)
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    sum_(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]
