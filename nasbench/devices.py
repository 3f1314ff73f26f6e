"""The device of a run: the CPU, or the accelerator that torch finds on this machine."""

from __future__ import annotations

import os
import re

import torch

from nasbench.errors import UserError

NAMES = "auto, cpu, cuda, cuda:N, mps, xpu, xpu:N"
"""What ``--device`` accepts; of the accelerators, those of this machine."""
_NUMBERED = ("cuda", "xpu")


def accelerator() -> tuple[str, int]:
    """Return the kind of accelerator that torch finds here and their number; ``("", 0)`` if none.

    The kind is ``cuda`` for GPUs of NVIDIA and AMD, ``mps`` for those of Apple and ``xpu`` for
    those of Intel.
    """
    found = torch.accelerator.current_accelerator(check_available=True)
    return ("", 0) if found is None else (found.type, torch.accelerator.device_count())


def pick(name: str) -> torch.device:
    """Return the device that ``--device`` names; under torchrun each process gets its own GPU.

    ``auto`` takes a ``cuda`` device if there is one, otherwise the CPU.

    Raises:
        UserError: it is unknown, or this machine lacks it.
    """
    if not re.fullmatch(r"auto|cpu|mps|(cuda|xpu)(:\d{1,4})?", name):
        raise UserError(f"--device {name}: allowed: {NAMES}")
    kind, count = accelerator()
    if name == "cpu" or (name == "auto" and kind != "cuda"):
        return torch.device("cpu")
    wanted = "cuda" if name == "auto" else name.partition(":")[0]
    if wanted != kind:
        lacking = "GPU" if wanted == "cuda" else f"{wanted} device"
        allowed = f"auto, cpu, {kind}" if kind else "auto, cpu"
        raise UserError(f"--device {name}: torch finds no {lacking} here; allowed: {allowed}")
    if kind not in _NUMBERED:
        return torch.device(kind)
    local = os.environ.get("LOCAL_RANK", "0")
    if not local.isdecimal():
        raise UserError(f"LOCAL_RANK={local}: must be a whole number, as torchrun sets it")
    index = int(name.partition(":")[2] or local)
    if index >= count:
        raise UserError(f"--device {kind}:{index}: allowed: {kind}:0 to {kind}:{count - 1}")
    device = torch.device(kind, index)
    torch.accelerator.set_device_index(index)
    return device
