"""The device of a run."""

from __future__ import annotations

import os
import re

import torch

from nasbench.errors import UserError


def pick(name: str) -> torch.device:
    """Return the device that ``--device`` names; under torchrun each process gets its own GPU.

    Raises:
        UserError: it is unknown, or this machine lacks it.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", name):
        raise UserError(f"--device {name}: allowed: auto, cpu, cuda, cuda:N")
    if name == "cpu" or (name == "auto" and gpus == 0):
        return torch.device("cpu")
    if gpus == 0:
        raise UserError(f"--device {name}: torch finds no GPU here; allowed: auto, cpu")
    local = os.environ.get("LOCAL_RANK", "0")
    if not local.isdecimal():
        raise UserError(f"LOCAL_RANK={local}: must be a whole number, as torchrun sets it")
    index = int(name[5:]) if ":" in name else int(local)
    if index >= gpus:
        raise UserError(f"--device cuda:{index}: allowed: cuda:0 to cuda:{gpus - 1}")
    device = torch.device("cuda", index)
    torch.cuda.set_device(device)
    return device
