"""What the baselines of our own share: convolutions behind which BN stands, and the head.

Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

from torch import nn

from retrain.baselines.torchvision_net import head


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
