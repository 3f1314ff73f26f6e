"""The state of a run, from which a killed run continues."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import torch

from nasbench import plain_files
from nasbench.errors import UserError
from nasbench.store.atomic import telling_what_failed, write

DAMAGED = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    struct.error,
    pickle.UnpicklingError,
)
"""What ``torch.load`` raises for files that are torn or otherwise damaged, depending on where."""


class StateFile:
    """``state.pt`` and the one before it, ``state.prev.pt``.

    Both hold tensors and plain values only and are loaded with ``weights_only=True``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.previous = path.with_name(f"{path.stem}.prev{path.suffix}")

    def save(self, state: dict[str, Any]) -> None:
        """Write ``state`` and keep the previous one.

        Raises:
            UserError: it cannot be written; the previous one is kept.
        """
        fresh = self.path.with_name(f"{self.path.stem}.new{self.path.suffix}")
        # Packed in memory first: torch's writer would hide an error of the disk.
        packed = io.BytesIO()
        torch.save(state, packed)
        write(fresh, lambda file: file.write(packed.getbuffer()))
        with telling_what_failed(self.path):
            if self.path.exists():
                self.path.replace(self.previous)
            fresh.replace(self.path)

    def load(self) -> dict[str, Any] | None:
        """Return the newest readable state, or ``None`` if none was saved.

        Raises:
            UserError: states were saved, but none can be read.
        """
        found = [path for path in (self.path, self.previous) if path.exists()]
        reasons = []
        for path in found:
            try:
                with plain_files.open_bytes(path) as file:
                    state = torch.load(file, map_location="cpu", weights_only=True)
                if not isinstance(state, dict):
                    raise ValueError(f"it holds {type(state).__name__}")
                return state
            except (*DAMAGED, UserError) as error:
                lines = str(error).splitlines() or [type(error).__name__]
                reasons.append(f"{path} ({lines[0]})")
        if reasons:
            raise UserError(f"cannot read the saved state: {'; '.join(reasons)}")
        return None

    def clear(self) -> None:
        """Remove the state of a finished run."""
        for path in (self.path, self.previous):
            path.unlink(missing_ok=True)
