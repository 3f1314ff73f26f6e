"""Automatic mixed precision with bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_GROUPS = 6  # the place of the argument in torch.conv1d and the like


class WideConvolutions(TorchFunctionMode):
    """Leaves depthwise convolutions on a CPU in full precision.

    They are bound by memory, so bfloat16 gains nothing there; and oneDNN's gradient of their
    weights is wrong in bfloat16 at a dilation of 2, on images of 32x32 (seen with torch 2.14: it
    reads memory that was never written, and with luck finds a NaN).
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call the function, a depthwise convolution without autocast."""
        kwargs = kwargs or {}
        if func in _CONVOLUTIONS and _is_depthwise(args, kwargs):
            with torch.autocast("cpu", enabled=False):
                return func(*map(_full, args), **{k: _full(one) for k, one in kwargs.items()})
        return func(*args, **kwargs)


_CONVOLUTIONS = frozenset({torch.conv1d, torch.conv2d, torch.conv3d})


def _is_depthwise(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    groups = args[_GROUPS] if len(args) > _GROUPS else kwargs.get("groups", 1)
    if groups == 1:
        return False
    weight = args[1] if len(args) > 1 else kwargs["weight"]
    return bool(weight.shape[1] == 1)


def _full(value: Any) -> Any:
    lower = isinstance(value, Tensor) and value.dtype == torch.bfloat16
    return value.float() if lower else value


@contextmanager
def bfloat16(device: torch.device) -> Iterator[None]:
    """Run the block in mixed precision.

    Args:
        device: of the tensors.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.autocast(device.type, torch.bfloat16))
        if device.type == "cpu":
            stack.enter_context(WideConvolutions())
        yield
