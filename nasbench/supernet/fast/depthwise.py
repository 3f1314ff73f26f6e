"""Depthwise convolutions with a fast backward pass on a CPU.

oneDNN is fast for the forward pass of any kernel, and for the gradient of the weights of kernels
that are at most 3 wide and not dilated. All other gradients are reduced to these:

- the gradient of the input at stride 1 is the forward pass with the flipped kernel;
- the weight gradient of a kernel 5 wide is that of its left and that of its right three columns;
- a dilation of 2 is no dilation on every second column and row: two adjacent columns become twice
  the channels, and every second row moves to the batch;
- the gradient at a larger stride is that at stride 1 of an output with zeros in between.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WIDE = 3  # the widest kernel with a fast weight gradient


def forward(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """Return the convolution, shape ``(B, C, H', W')``; the padding keeps the size at stride 1.

    Args:
        x: channels-last images ``(B, C, H, W)``.
        weight: shape ``(C, 1, k, k)``, k odd.
        stride: at least 1.
        dilation: at least 1.
    """
    return F.conv2d(x, weight, None, stride, _padding(weight, dilation), dilation, len(weight))


def backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: int,
    dilation: int,
    wanted: bool,
    learns: bool,
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of the input and of the weights, ``None`` for those not needed.

    Args:
        grad: the gradient of the output, shape ``(B, C, H', W')``.
        x: the input ``(B, C, H, W)``; its size alone matters unless ``learns``.
        weight: shape ``(C, 1, k, k)``.
        stride: at least 1.
        dilation: at least 1.
        wanted: whether the input needs a gradient.
        learns: whether the weights need a gradient.
    """
    dx: Tensor | None = None
    if stride > 1:
        size = (len(x), *x.shape[2:], len(weight))
        spread = grad.new_zeros(size).permute(0, 3, 1, 2)
        spread[:, :, ::stride, ::stride] = grad
        grad = spread
    if wanted:
        turned, padding = weight.flip(2, 3), _padding(weight, dilation)
        dx = F.conv2d(grad, turned, None, 1, padding, dilation, len(weight))
    return dx, weight_gradient(grad, x, weight, dilation) if learns else None


def weight_gradient(grad: Tensor, x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """Return the gradient of the weights ``(C, 1, k, k)`` at stride 1.

    Args:
        grad: the gradient of the output, shape ``(B, C, H, W)``.
        x: the input, shape ``(B, C, H, W)``.
        weight: shape ``(C, 1, k, k)``, k odd.
        dilation: at least 1.
    """
    if dilation == 2 and x.shape[2] % 2 == x.shape[3] % 2 == 0:
        twice = weight_gradient(_phases(grad), _phases(x), weight.repeat(2, 1, 1, 1), 1)
        return twice[: len(weight)] + twice[len(weight) :]
    if dilation != 1 or weight.shape[3] != 2 * WIDE - 1:
        return _native(grad, x, weight, _padding(weight, dilation), dilation)
    rows, part = weight.shape[2] // 2, weight[:, :, :, :WIDE]
    padding = (rows, 0)
    if x.shape[2] < weight.shape[2]:  # slow in oneDNN unless the padding is explicit
        padding, x = (0, 0), F.pad(x, (0, 0, rows, rows))
    before, after = _shifted(x)
    left = _native(grad, before, part, padding, 1)
    right = _native(grad, after, part, padding, 1)
    return torch.cat([left, right[:, :, :, 1:]], dim=3)  # both have the middle column


def _shifted(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``(B, C, H, W)`` with two columns of zeros before each row, and with two after.

    Both are views of one copy, two columns apart: the zeros after a row are those before the next.
    """
    b, c, h, w = x.shape
    flat = x.new_empty(b * h * (w + 2) + 2, c)
    flat[:2] = 0
    after = flat[2:].view(b, h, w + 2, c)
    after[:, :, w:] = 0
    after[:, :, :w] = x.permute(0, 2, 3, 1)
    before = flat[:-2].view(b, h, w + 2, c)
    return before.permute(0, 3, 1, 2), after.permute(0, 3, 1, 2)


def _phases(x: Tensor) -> Tensor:
    """Return ``(B, C, H, W)`` as ``(2 B, 2 C, H / 2, W / 2)``, so that dilation 2 becomes 1."""
    b, c, h, w = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(b, h // 2, 2, w * c).transpose(1, 2)
    return rows.reshape(2 * b, h // 2, w // 2, 2 * c).permute(0, 3, 1, 2)


def _padding(weight: Tensor, dilation: int) -> tuple[int, int]:
    return dilation * (weight.shape[2] // 2), dilation * (weight.shape[3] // 2)


def _native(
    grad: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int], dilation: int
) -> Tensor:
    """Return the weight gradient of torch at stride 1."""
    around, apart, none = list(padding), [dilation, dilation], [0, 0]
    wanted = [False, True, False]
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        grad, x, weight, None, [1, 1], around, apart, False, none, len(weight), wanted
    )
    return found[1]
