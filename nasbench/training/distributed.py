"""Several processes, started by ``torchrun``, that train one network."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import socket
import sys
import tempfile
import traceback
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from nasbench.errors import UserError
from nasbench.nn.processes import place, share, sum_, sum_together
from nasbench.nn.shared_sums import SharedSums, prepare

_INTERFACE = "GLOO_SOCKET_IFNAME"  # on which gloo listens


def join(device: torch.device, store: Any = None) -> None:
    """Join the process group if ``torchrun`` started this process; do nothing otherwise.

    A second run in the same processes, such as the next seed, uses the same group. :func:`leave`
    is called when the process ends.

    Args:
        device: a CUDA device selects NCCL, any other one gloo.
        store: a ``torch.distributed.Store``, where the processes meet; by default that of
            ``torchrun``.
    """
    world = _variable("WORLD_SIZE", 1, 1)
    rank = _variable("RANK", 0 if world == 1 else None, 0, world - 1)
    if world < 2 or dist.is_initialized():
        return
    _variable("LOCAL_RANK", 0, 0, rank)
    if store is None:
        _variable("MASTER_PORT", None, 0, 65535)
        if not os.environ.get("MASTER_ADDR"):
            raise UserError("MASTER_ADDR is not set: start several processes with torchrun")
    _begin(device, store, rank, world)


def meet(rank: int, world: int, file: Path) -> None:
    """Join processes of this machine's CPU, which one of them has started, through a file.

    :func:`leave` ends it.

    Args:
        rank: of this process.
        world: the number of processes, at least 2.
        file: does not exist yet; the same for all.
    """
    # Whatever gloo listens on must not be reached from elsewhere.
    loopback = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    own = _INTERFACE not in os.environ and bool(loopback)
    if own:
        os.environ[_INTERFACE] = loopback[0]
    try:
        store = dist.FileStore(str(file), world)  # type: ignore[attr-defined]
        _begin(torch.device("cpu"), store, rank, world)
    finally:
        if own:
            del os.environ[_INTERFACE]


def _begin(device: torch.device, store: Any, rank: int, world: int) -> None:
    """Begin the process group; ``None`` for the store of ``torchrun``."""
    # The first optimizer imports this module, and the default arguments of its functions would
    # then hold the group: `destroy_process_group` could not free it, gloo's threads would run on
    # into the end of the interpreter, and one that drops a tensor there aborts the process.
    from torch.distributed.nn import functional  # noqa: F401

    backend = "nccl" if device.type == "cuda" else "gloo"
    if store is None:
        dist.init_process_group(backend)
    else:
        dist.init_process_group(backend, store=store, rank=rank, world_size=world)
    atexit.register(leave)
    if backend == "gloo":
        _share_memory()


def _share_memory() -> None:
    """Let sums pass through shared memory if all processes run on this machine."""
    rank, world = place()
    folder = _prepared(world) if rank == 0 else None
    every: list[Any] = [None] * world
    dist.all_gather_object(every, (folder, _machine()))
    folder = every[0][0]
    here = folder is not None and every[0][1] == _machine() and Path(folder).is_dir()
    try:
        if any_process(not here, torch.device("cpu")):
            return
        share(SharedSums(Path(folder), rank, world, wait))
        wait()
    finally:
        if rank == 0 and folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _prepared(world: int) -> str | None:
    """Return a folder in which processes find each other, in memory if possible."""
    for parent in ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None, None):
        folder = tempfile.mkdtemp(prefix="nasbench-", dir=parent)
        try:
            prepare(Path(folder), world)
        except (OSError, AttributeError):  # Windows has no named pipes
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return folder
    return None


def _machine() -> tuple[str, str]:
    """Return what tells this machine from others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        boot = str(uuid.getnode())
    return socket.gethostname(), boot


def _variable(name: str, default: int | None, low: int, high: int | None = None) -> int:
    """Return a variable of the environment that ``torchrun`` sets.

    Args:
        name: of the variable.
        default: its value if it is not set; ``None`` if it must be.
        low: its smallest value.
        high: its largest value.

    Raises:
        UserError: it is not set, no whole number, or out of range.
    """
    text = os.environ.get(name, "" if default is None else str(default))
    allowed = f"from {low} to {high}" if high is not None else f"of at least {low}"
    number = int(text) if re.fullmatch(r"\d{1,9}", text) else -1
    if number < low or (high is not None and number > high):
        raise UserError(
            f"{name}={text}: must be a whole number {allowed}, as torchrun sets it; "
            "unset it for a single process"
        )
    return number


def leave() -> None:
    """Leave the process group and end its threads, also after an error."""
    atexit.unregister(leave)
    # The frames of an uncaught error in a collective operation hold the group as well.
    traceback.clear_frames(getattr(sys, "last_traceback", None))
    share(None)
    if dist.is_initialized():
        dist.destroy_process_group()


def average(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in one message."""
    world = place().world
    if world == 1 or not tensors:
        return
    sums = sum_together(*tensors)
    torch._foreach_div_(sums, world)
    torch._foreach_copy_(list(tensors), sums)


def gathered(tensor: Tensor) -> Tensor:
    """Return the rows of all processes' tensors, those of the first process first.

    Args:
        tensor: ``(n, ...)``; ``n`` may differ between the processes.
    """
    if place().world == 1:
        return tensor
    count = torch.tensor([len(tensor)], device=tensor.device)
    counts = [torch.zeros_like(count) for _ in range(place().world)]
    dist.all_gather(counts, count)
    longest = max(int(each) for each in counts)
    padded = tensor.new_zeros(longest, *tensor.shape[1:])
    padded[: len(tensor)] = tensor
    every = [torch.zeros_like(padded) for _ in counts]
    dist.all_gather(every, padded)
    return torch.cat([rows[: int(each)] for rows, each in zip(every, counts, strict=True)])


def global_batch(tensor: Tensor) -> Tensor:
    """Return the rows of all processes in their order in the global batch.

    Args:
        tensor: the rows ``rank::world``, ``(B, ...)``, as many in every process.
    """
    world = place().world
    if world == 1:
        return tensor
    whole = tensor.new_empty_strided((len(tensor) * world, *tensor.shape[1:]), tensor.stride())
    for rank, rows in enumerate(torch.split(gathered(tensor), len(tensor))):
        whole[rank::world] = rows
    return whole


def own_rows(whole: Tensor) -> Tensor:
    """Return this process's rows of a :func:`global_batch`, with the strides that they had."""
    rank, world = place()
    rows = whole[rank::world]
    return whole.new_empty_strided(rows.shape, whole.stride()).copy_(rows)


def wait() -> None:
    """Wait until every process is here, for example before reading what the first one wrote."""
    if place().world > 1:
        dist.barrier()


def total(tensor: Tensor) -> Tensor:
    """Return the sum of ``tensor`` over the processes."""
    if place().world > 1:
        tensor = tensor.clone(memory_format=torch.contiguous_format)
        sum_(tensor)
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
