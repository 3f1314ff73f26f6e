"""Thousands of small tensors as a few large ones, which are written and read far faster.

The state of a supernet is mostly statistics of batch normalization, a few numbers each.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

SMALL = 4096
"""Numbers of a tensor that is packed, at most."""
_STATE, _FLAT, _PLACE = "nasbench.state", "nasbench.flat", "nasbench.place"


def packed(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state with places in flat tensors, one of each type, instead of small tensors."""
    found: dict[str, list[Tensor]] = {}
    counts: dict[str, int] = {}

    def place(tensor: Tensor) -> tuple[Any, ...]:
        kind = str(tensor.dtype)
        start = counts.get(kind, 0)
        counts[kind] = start + tensor.numel()
        size, stride = tuple(tensor.shape), tensor.stride()
        # As it lies in memory, which may be channels-last.
        found.setdefault(kind, []).append(tensor.as_strided((tensor.numel(),), (1,)))
        return _PLACE, kind, start, size, stride

    whole = _walk(state, lambda value: place(value) if _small(value) else value)
    return {_STATE: whole, _FLAT: {kind: torch.cat(parts) for kind, parts in found.items()}}


def unpacked(saved: dict[str, Any]) -> dict[str, Any]:
    """Return the state of :func:`packed`, or what is none as it is.

    Raises:
        LookupError, RuntimeError, TypeError, ValueError: the places are damaged.
    """
    if _STATE not in saved:
        return saved
    flat = saved[_FLAT]

    def tensor(value: Any) -> Any:
        if type(value) is not tuple or value[:1] != (_PLACE,):
            return value
        _, kind, start, size, stride = value
        return (
            flat[kind].as_strided(size, stride, start).clone(memory_format=torch.preserve_format)
        )

    state = _walk(saved[_STATE], tensor)
    if not isinstance(state, dict):
        raise ValueError(f"it holds {type(state).__name__}")
    return state


def _small(value: object) -> bool:
    """Return whether a value is a tensor that is packed: without holes in its memory."""
    return (
        type(value) is Tensor
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.numel() <= SMALL
        and not value.is_quantized
        and not value.is_complex()
        and (value.is_contiguous() or _images(value))
    )


def _images(value: Tensor) -> bool:
    return value.dim() == 4 and value.is_contiguous(memory_format=torch.channels_last)


def _walk(value: Any, change: Any) -> Any:
    """Return nested containers with every other value changed; tuples are asked first."""
    changed = change(value)
    if changed is not value:
        return changed
    if isinstance(value, dict):
        made = copy.copy(value)  # with what PyTorch attaches to the state of a module
        for key, one in value.items():
            made[key] = _walk(one, change)
        return made
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(_walk(one, change) for one in value)
    return value
