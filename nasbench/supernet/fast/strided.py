"""Pixels at a distance of each other, whose gradients keep the memory of channels-last images.

That of torch's slices comes in torch's default layout, and so does all that is computed from it
afterwards: several times slower than in one layout.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nasbench.nn import halving

LAST = torch.channels_last


class _Every(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: int) -> Tensor:
        ctx.like, ctx.step = (x.shape, x.dtype), step
        return x[:, :, ::step, ::step].contiguous(memory_format=LAST)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        found = _zeros(*ctx.like)
        found[:, :, :: ctx.step, :: ctx.step] = grads[0]
        return found, None


def every(x: Tensor, step: int) -> Tensor:
    """Return every so many pixels of a row and of a column, from the first on.

    Args:
        x: channels-last images ``(B, C, H, W)``.
        step: at least 1.
    """
    made: Tensor = _Every.apply(x, step)
    return made


class _Halves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        ctx.like = x.shape, x.dtype
        made = [half.contiguous(memory_format=LAST) for half in halving.halves(x)]
        ctx.save_for_backward(*made)
        ctx.set_materialize_grads(False)
        return made[0], made[1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Tensor:
        found = _zeros(*ctx.like)
        for first, half, grad in zip((0, 1), ctx.saved_tensors, grads, strict=True):
            if grad is not None:
                place = found[:, :, first::2, first::2]
                height, width = place.shape[2:]  # without the pixels that only pad
                masked = torch.ops.aten.threshold_backward(grad, half, 0)
                place.copy_(masked[:, :, :height, :width])
        return found


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return what :func:`nasbench.nn.halving.halves` returns, for channels-last images."""
    even, odd = _Halves.apply(x)
    return even, odd


def _zeros(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="cpu", memory_format=LAST).zero_()
