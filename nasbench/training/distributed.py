"""Several processes, started by ``torchrun``, that train one network."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from nasbench.nn.processes import place


def join(device: torch.device) -> None:
    """Join the other processes where ``torchrun`` started this one, once and until the end.

    A second run in the same processes, such as the next seed, goes on in the same group.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or dist.is_initialized():
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    atexit.register(dist.destroy_process_group)


def average(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in one message."""
    world = place().world
    if world == 1 or not tensors:
        return
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    flat /= world
    sizes = [t.numel() for t in tensors]
    for tensor, part in zip(tensors, torch.split(flat, sizes), strict=True):
        tensor.copy_(part.view_as(tensor))


def wait() -> None:
    """Wait until every process is here, for example before reading what the first one wrote."""
    if place().world > 1:
        dist.barrier()


def total(tensor: Tensor) -> Tensor:
    """Return the sum of ``tensor`` over the processes."""
    if place().world > 1:
        tensor = tensor.clone()
        dist.all_reduce(tensor)
    return tensor


def any_process(flag: bool, device: torch.device) -> bool:
    """Return whether ``flag`` is true in any process."""
    if place().world == 1:
        return flag
    return bool(total(torch.tensor(int(flag), device=device)).item())


def agree(value: float, device: torch.device) -> float:
    """Return the first process's ``value`` in every process, so that all decide alike."""
    if place().world == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    dist.broadcast(shared, 0)
    return float(shared)
