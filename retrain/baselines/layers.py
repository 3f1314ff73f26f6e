"""Layers that baselines share: a stem, convolutions with BN, and classifiers.

Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from nasbench.space import DataSpec


def check_share(name: str, value: float) -> None:
    """Raise unless ``value`` is a probability below 1.

    Raises:
        ValueError: it is not.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name}={value}: must be in [0, 1)")


def stem(spec: DataSpec, c_out: int) -> nn.Conv2d:
    """Return a first convolution that keeps the size: 3x3, stride 1, initialized as He's."""
    conv = nn.Conv2d(spec.channels, c_out, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def head(c_in: int, classes: int, dropout_rate: float) -> nn.Sequential:
    """Return dropout and the last linear layer.

    Raises:
        ValueError: ``dropout_rate`` is not in [0, 1).
    """
    check_share("dropout_rate", dropout_rate)
    return nn.Sequential(nn.Dropout(dropout_rate), nn.Linear(c_in, classes))


def conv_bn(
    c_in: int, c_out: int, kernel: int, stride: int = 1, *, groups: int = 1
) -> nn.Sequential:
    """Return a convolution that keeps the size at stride 1, and BN.

    Maps ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / stride), ceil(W / stride))``.
    """
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out))


def pooled_head(c: int, classes: int, dropout_rate: float) -> nn.Sequential:
    """Return global average pooling, dropout and a linear layer: ``(B, C, H, W)`` to logits.

    Raises:
        ValueError: ``dropout_rate`` is not in [0, 1).
    """
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), head(c, classes, dropout_rate))


def perceptron(sizes: Sequence[int], dropout_rate: float) -> nn.Sequential:
    """Return linear layers with ReLU between them, and dropout before the last.

    Args:
        sizes: of the flattened input, of every hidden layer, and the number of classes.
        dropout_rate: in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is not in [0, 1).
    """
    check_share("dropout_rate", dropout_rate)
    layers: list[nn.Module] = [nn.Flatten()]
    for c_in, c_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(c_in, c_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(dropout_rate), nn.Linear(sizes[-2], sizes[-1]))
