"""Depthwise convolutions whose backward pass takes the fast ways there are on a CPU.

oneDNN computes the forward pass of any kernel quickly, and the gradient of the weights where the
kernel is at most 3 wide and not dilated. Everything else is put in those terms:

- the gradient of the input, at stride 1, is the forward pass with the kernel turned around;
- the weights' gradient of a kernel 5 wide is that of its left and of its right three columns;
- a dilation of 2 is none on every second column and row: two columns side by side in memory are
  twice the channels, and every second row goes into the batch;
- the gradient at another stride is that at stride 1 of an output with zeros in between.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WIDE = 3  # the widest kernel whose weights' gradient is fast


def forward(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """Map ``(B, C, H, W)`` and weights ``(C, 1, k, k)`` to ``(B, C, H', W')``.

    The padding keeps the size at stride 1; all images are channels-last.
    """
    return F.conv2d(x, weight, None, stride, _padding(weight, dilation), dilation, len(weight))


def backward(
    grad: Tensor, x: Tensor, weight: Tensor, stride: int, dilation: int, learns: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the gradients of input and, where it ``learns``, of the weights."""
    if stride > 1:
        spread = torch.zeros_like(x)
        spread[:, :, ::stride, ::stride] = grad
        grad = spread
    turned, padding = weight.flip(2, 3), _padding(weight, dilation)
    dx = F.conv2d(grad, turned, None, 1, padding, dilation, len(weight))
    return dx, weight_gradient(grad, x, weight, dilation) if learns else None


def weight_gradient(grad: Tensor, x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """Return the gradient of the weights ``(C, 1, k, k)`` at stride 1."""
    if dilation == 2 and x.shape[2] % 2 == x.shape[3] % 2 == 0:
        twice = weight_gradient(_phases(grad), _phases(x), weight.repeat(2, 1, 1, 1), 1)
        return twice[: len(weight)] + twice[len(weight) :]
    if dilation == 1 and weight.shape[3] == 2 * WIDE - 1:
        return _in_two(grad, x, weight)
    return _torchs(grad, x, weight, _padding(weight, dilation), dilation)


def _in_two(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of a kernel 5 wide from its left and its right three columns."""
    rows, part = weight.shape[2] // 2, weight[:, :, :, :WIDE]
    padding, around = (rows, 0), (0, 0)
    if x.shape[2] < weight.shape[2]:  # slow in oneDNN unless the padding is written out
        padding, around = (0, 0), (rows, rows)
    left = _torchs(grad, F.pad(x, (2, 0, *around)), part, padding, 1)
    right = _torchs(grad, F.pad(x, (0, 2, *around)), part, padding, 1)
    return torch.cat([left, right[:, :, :, 1:]], dim=3)  # both have the middle column


def _phases(x: Tensor) -> Tensor:
    """Return ``(B, C, H, W)`` as ``(2 B, 2 C, H / 2, W / 2)``, with neighbours of dilation 2."""
    b, c, h, w = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(b, h // 2, 2, w * c).transpose(1, 2)
    return rows.reshape(2 * b, h // 2, w // 2, 2 * c).permute(0, 3, 1, 2)


def _padding(weight: Tensor, dilation: int) -> tuple[int, int]:
    return dilation * (weight.shape[2] // 2), dilation * (weight.shape[3] // 2)


def _torchs(
    grad: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int], dilation: int
) -> Tensor:
    """Return torch's own gradient of the weights at stride 1."""
    around, apart, none = list(padding), [dilation, dilation], [0, 0]
    wanted = [False, True, False]
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        grad, x, weight, None, [1, 1], around, apart, False, none, len(weight), wanted
    )
    return found[1]
