"""The trained weights of a network as a file: safetensors if it is installed."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import Tensor, nn

from nasbench import plain_files
from nasbench.errors import UserError
from nasbench.optional import available
from nasbench.store import atomic
from nasbench.store.state import DAMAGED

NAMES = ("model.safetensors", "model.pt")


def save_weights(network: nn.Module, folder: Path) -> Path:
    """Write ``model.safetensors``, or ``model.pt`` if safetensors is not installed.

    Raises:
        UserError: it cannot be written.
    """
    tensors = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in network.state_dict().items()
    }
    if not available("safetensors.torch"):
        path = folder / "model.pt"
        buffer = io.BytesIO()  # torch's writer would hide the disk's own error
        torch.save(tensors, buffer)
        atomic.write(path, lambda file: file.write(buffer.getbuffer()))
        return path
    from safetensors.torch import save as to_bytes

    path, packed = folder / "model.safetensors", to_bytes(tensors, metadata={"format": "pt"})
    atomic.write(path, lambda file: file.write(packed))
    return path


def find_weights(folder: Path) -> Path | None:
    """Return the weights' file in a run folder, or ``None`` if it has none."""
    return next((folder / name for name in NAMES if (folder / name).exists()), None)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file of :func:`save_weights`, by parameter name, on the CPU.

    Raises:
        UserError: it cannot be read, or is damaged.
    """
    kinds: tuple[type[Exception], ...] = (*DAMAGED, UserError)
    try:
        with plain_files.open_bytes(path) as file:
            if path.suffix == ".pt":
                tensors = torch.load(file, map_location="cpu", weights_only=True)
            else:
                from safetensors import SafetensorError
                from safetensors.torch import load_file

                kinds = (*kinds, SafetensorError)
                tensors = load_file(path)
        if not isinstance(tensors, dict) or not all(
            isinstance(value, Tensor) for value in tensors.values()
        ):
            raise ValueError("it holds no tensors by name")
    except kinds as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"cannot read the weights {path}: {reason}") from error
    return tensors
