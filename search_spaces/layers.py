"""Layers of mobile networks, with the activation after BN.

Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from nasbench.nn import BatchNorm2d, Conv2d, Linear
from nasbench.space import Expression, Size, ValueChoice

MULTIPLIERS = (0.5, 0.75, 1.0)


def check(width: float, dropout_rate: float = 0.0) -> None:
    """Raise unless the arguments of a space are valid.

    Raises:
        ValueError: ``width`` is not a finite number above 0, or ``dropout_rate`` is not in [0, 1).
    """
    if not (width > 0 and math.isfinite(width)):
        raise ValueError(f"width={width}: must be a finite number above 0")
    if not 0 <= dropout_rate < 1:
        raise ValueError(f"dropout_rate={dropout_rate}: must be in [0, 1)")


def scaled(channels: int, width: float) -> int:
    """Return ``width`` times the channels, rounded to a multiple of 8, at least 8."""
    return max(8, 8 * int(channels * width / 8 + 0.5))


def scaled_by_choice(channels: int, width: float, stage: int) -> Expression:
    """Return :func:`scaled` channels of ``width`` times the multiplier chosen for a stage."""
    multiplier = ValueChoice(MULTIPLIERS, label=f"s{stage}_width")
    return Expression("scaled({}, {} * {})", _scaled, channels, width, multiplier)


def _scaled(channels: int, width: float, multiplier: float) -> int:
    return scaled(channels, width * multiplier)


def conv_bn_relu(
    c_in: Size, c_out: Size, kernel: int, stride: int = 1, *, groups: Size = 1, relu: bool = True
) -> nn.Sequential:
    """Return a convolution that keeps the size at stride 1, BN and ReLU.

    Maps ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / stride), ceil(W / stride))``.

    Args:
        c_in: input channels.
        c_out: output channels.
        kernel: an odd size.
        stride: at least 1.
        groups: groups of the convolution; must divide both numbers of channels.
        relu: whether to add the ReLU.
    """
    conv = Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, BatchNorm2d(c_out), *([nn.ReLU()] if relu else []))


def separable(
    c_in: Size, c_out: Size, kernel: int, stride: int, expansion: int = 1, *, relu: bool = True
) -> nn.Sequential:
    """Return a depthwise convolution of ``expansion * c_in`` channels and a 1x1 convolution.

    Each convolution is followed by BN and ReLU.

    Args:
        c_in: input channels.
        c_out: output channels.
        kernel: an odd size.
        stride: of the depthwise convolution, at least 1.
        expansion: at least 1; above 1 it adds a 1x1 convolution in front.
        relu: whether to add the last ReLU.
    """
    c = expansion * c_in if expansion > 1 else c_in
    return nn.Sequential(
        *([conv_bn_relu(c_in, c, 1)] if expansion > 1 else []),
        conv_bn_relu(c, c, kernel, stride, groups=c),
        conv_bn_relu(c, c_out, 1, relu=relu),
    )


class InvertedResidual(nn.Module):
    """The block of MobileNetV2 (Sandler et al., CVPR 2018), with ReLU in place of ReLU6.

    The input is added to the output at stride 1 and equal channels.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.layers = separable(c_in, c_out, kernel, stride, expansion, relu=False)
        self.adds = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / stride), ceil(W / stride))``."""
        out: Tensor = self.layers(x)
        return x + out if self.adds else out


def classifier(c: Size, classes: int, dropout_rate: float = 0.0) -> nn.Sequential:
    """Return global average pooling, dropout and a linear layer: ``(B, C, H, W)`` to logits.

    Args:
        c: input channels.
        classes: number of logits.
        dropout_rate: in [0, 1).
    """
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout_rate), Linear(c, classes)
    )
