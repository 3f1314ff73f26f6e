"""The trained weights as a file: safetensors where it is installed."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import Tensor, nn

from nasbench.optional import available
from nasbench.store import atomic

NAMES = ("model.safetensors", "model.pt")


def find(folder: Path) -> Path:
    """Return the weights' file in ``folder``."""
    return next(folder / name for name in NAMES if (folder / name).exists())


def save(network: nn.Module, folder: Path) -> None:
    """Write ``model.safetensors``, or ``model.pt`` where safetensors is not installed.

    Raises:
        UserError: it cannot be written.
    """
    tensors = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in network.state_dict().items()
    }
    if not available("safetensors.torch"):
        buffer = io.BytesIO()  # torch's writer would hide the disk's own error
        torch.save(tensors, buffer)
        atomic.write(folder / "model.pt", lambda file: file.write(buffer.getbuffer()))
        return
    from safetensors.torch import save as to_bytes

    packed = to_bytes(tensors, metadata={"format": "pt"})
    atomic.write(folder / "model.safetensors", lambda file: file.write(packed))


def load_if_there(folder: Path) -> dict[str, Tensor] | None:
    """Return the weights in a run folder, ``None`` where there are none."""
    return load(find(folder)) if any((folder / name).exists() for name in NAMES) else None


def load(path: Path) -> dict[str, Tensor]:
    """Return what :func:`save` wrote."""
    if path.suffix == ".pt":
        tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return tensors
    from safetensors.torch import load_file

    return load_file(path)
