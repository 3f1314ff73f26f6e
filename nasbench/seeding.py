"""Random streams: each is derived from the run's seed and a name, never shared by accident.

Torch is imported only by the functions that use its generators; tuners derive seeds without it.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def derive(seed: int, *names: object) -> int:
    """Return a seed in ``[0, 2**63)`` that depends on ``seed`` and every name.

    The same arguments give the same value in every process and on every platform.
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: object) -> torch.Generator:
    """Return a CPU generator seeded by :func:`derive`."""
    import torch

    return torch.Generator().manual_seed(derive(seed, *names))


def seed_process(seed: int, *names: object) -> None:
    """Seed torch's global streams, which initialization and dropout draw from."""
    import torch

    torch.manual_seed(derive(seed, *names))


def global_state(device: torch.device) -> dict[str, Any]:
    """Return the state of torch's global streams, as tensors that ``torch.save`` can hold.

    Every process of a run draws the same on its own device, so one device's state serves all.
    """
    import torch

    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state(*_numbered(device))
    return state


def restore_global_state(state: dict[str, Any], device: torch.device) -> None:
    """Put the global streams back where :func:`global_state` found them."""
    import torch

    torch.set_rng_state(state["cpu"].cpu())
    if device.type in state and device.type != "cpu":
        kept = state[device.type].cpu()
        torch.get_device_module(device).set_rng_state(kept, *_numbered(device))


def _numbered(device: torch.device) -> tuple[torch.device, ...]:
    """Return the device for functions of its kind; those of ``mps``, which is one, take none."""
    return () if device.type == "mps" else (device,)


@contextmanager
def kept_generators() -> Iterator[None]:
    """Put the process's global generators back after the block: torch's, NumPy's and Python's.

    A program that calls nasbench as a library goes on with its own random numbers.
    """
    import numpy as np
    import torch

    cards = bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
    plain, array, own = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    on_cards = torch.cuda.get_rng_state_all() if cards else []
    try:
        yield
    finally:
        random.setstate(plain)
        np.random.set_state(array)  # noqa: NPY002
        torch.set_rng_state(own)
        if cards:
            torch.cuda.set_rng_state_all(on_cards)
