"""The operations of DARTS (Liu et al., 2019), as defined in the code of its authors.

Every operation maps ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / stride), ceil(W / stride))``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.nn.halving import Halving


def conv_bn(
    c_in: int,
    c_out: int,
    kernel: int,
    stride: int = 1,
    *,
    dilation: int = 1,
    groups: int = 1,
    affine: bool = True,
) -> list[nn.Module]:
    """Return ReLU, a convolution that keeps the size at stride 1, and BN.

    Args:
        c_in: input channels.
        c_out: output channels.
        kernel: an odd size.
        stride: at least 1.
        dilation: at least 1.
        groups: groups of the convolution; must divide both numbers of channels.
        affine: whether BN has a learned scale and shift.
    """
    padding = dilation * (kernel - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(c_in, c_out, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(c_out, affine=affine),
    ]


class ReLUConvBN(nn.Sequential):
    """ReLU, 1x1 convolution, BN."""

    def __init__(self, c_in: int, c_out: int, affine: bool) -> None:
        super().__init__(*conv_bn(c_in, c_out, 1, affine=affine))


class SepConv(nn.Sequential):
    """A depthwise-separable convolution, applied twice."""

    def __init__(self, channels: int, kernel: int, stride: int, affine: bool) -> None:
        c = channels
        layers: list[nn.Module] = []
        for step in (stride, 1):
            relu, depthwise, _ = conv_bn(c, c, kernel, step, groups=c)
            layers += [relu, depthwise, *conv_bn(c, c, 1, affine=affine)[1:]]
        super().__init__(*layers)


class DilConv(nn.Sequential):
    """A depthwise-separable convolution with dilation 2, applied once."""

    def __init__(self, channels: int, kernel: int, stride: int, affine: bool) -> None:
        c = channels
        relu, depthwise, _ = conv_bn(c, c, kernel, stride, dilation=2, groups=c)
        super().__init__(relu, depthwise, *conv_bn(c, c, 1, affine=affine)[1:])


class TwoLineConv(nn.Sequential):
    """A convolution along rows and one along columns; ``conv_7x1_1x7`` for kernel 7."""

    def __init__(self, channels: int, kernel: int, stride: int, affine: bool) -> None:
        c, pad = channels, kernel // 2
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(c, c, (1, kernel), (1, stride), (0, pad), bias=False),
            nn.Conv2d(c, c, (kernel, 1), (stride, 1), (pad, 0), bias=False),
            nn.BatchNorm2d(c, affine=affine),
        )


class FactorizedReduce(Halving):
    """Halve the size by two 1x1 convolutions of every second pixel, one shifted by a pixel.

    Strided convolutions would copy the whole shifted image. Of fewer than 8 channels-last channels
    their gradient also writes past its memory on CPUs without AVX-512 (oneDNN issue 6035).
    """

    def __init__(self, c_in: int, c_out: int, affine: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out // 2, 1, bias=False)
        self.conv2 = nn.Conv2d(c_in, c_out - c_out // 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(c_out, affine=affine)

    def of_halves(self, even: Tensor, odd: Tensor) -> Tensor:
        """Return the output, shape ``(B, C_out, ceil(H/2), ceil(W/2))``."""
        out: Tensor = self.bn(torch.cat([self.conv1(even), self.conv2(odd)], dim=1))
        return out


class Pool(nn.Sequential):
    """3x3 pooling, ``max`` or ``avg``, optionally followed by BN."""

    def __init__(self, kind: str, channels: int, stride: int, batch_norm: bool) -> None:
        pool: nn.Module = (
            nn.MaxPool2d(3, stride, 1)
            if kind == "max"
            else nn.AvgPool2d(3, stride, 1, count_include_pad=False)
        )
        bn = [nn.BatchNorm2d(channels, affine=False)] if batch_norm else []
        super().__init__(pool, *bn)


class Zero(nn.Module):
    """No connection; a supernet omits it from sums."""

    is_zero = True

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Return zeros of the output's shape."""
        return x[:, :, :: self.stride, :: self.stride] * 0.0
