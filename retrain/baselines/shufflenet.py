"""ShuffleNet V1 with two groups (Zhang et al., 2018) for small images.

As usual for 32x32 images the stem is one 1x1 convolution without pooling.
Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench.space import DataSpec, SearchSpace
from retrain.baselines.layers import conv_bn, pooled_head

STEM = 24
GROUPS = 2
STAGES = ((200, 4), (400, 8), (800, 4))  # channels, blocks; 16x16, 8x8, 4x4 at 32x32 images


class Shuffled(nn.Module):
    """A block: grouped 1x1, shuffled, depthwise 3x3, grouped 1x1.

    At stride 1 its input is added to the result; at stride 2 it is pooled and put in front of it.
    The first layer of the first block has no groups, for its few channels (section 3.2).
    """

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        made = c_out - (c_in if stride == 2 else 0)
        inner = made // 4  # of what the block itself makes, as in the networks for CIFAR
        self.groups = 1 if c_in == STEM else GROUPS
        self.stride = stride
        self.reduce = nn.Sequential(conv_bn(c_in, inner, 1, groups=self.groups), nn.ReLU())
        self.expand = nn.Sequential(
            conv_bn(inner, inner, 3, stride, groups=inner), conv_bn(inner, made, 1, groups=GROUPS)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / stride), ceil(W / stride))``."""
        new = self.expand(F.channel_shuffle(self.reduce(x), self.groups))
        if self.stride == 1:
            return torch.relu(x + new)
        return torch.relu(torch.cat([F.avg_pool2d(x, 3, 2, padding=1), new], dim=1))


class ShuffleNetG2(SearchSpace):
    """ShuffleNet, 2 groups, width 1.0; 887,582 parameters for 32x32x3 images in ten classes.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
    """

    channels_last = True

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec)
        self.stem = nn.Sequential(conv_bn(spec.channels, STEM, 1), nn.ReLU())
        self.stages = nn.Sequential()
        c = STEM
        for channels, blocks in STAGES:
            for index in range(blocks):
                self.stages.append(Shuffled(c, channels, stride=2 if index == 0 else 1))
                c = channels
        self.classifier = pooled_head(c, spec.classes, dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, classes)."""
        logits: Tensor = self.classifier(self.stages(self.stem(x)))
        return logits
