"""DPN-92 (Chen et al., "Dual Path Networks", 2017) for small images.

Each block's output has two paths: the first channels are added to the input's, as in ResNet, and
the last ones are appended to it, as in DenseNet. ReLU and BN stand behind the convolutions.
Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.space import DataSpec, SearchSpace
from retrain.baselines.layers import conv_bn, pooled_head

STEM = 64
GROUPS = 32
STAGES = (  # inner channels, added channels, appended channels, blocks; at 32x32 images:
    (96, 256, 16, 3),  # 32x32
    (192, 512, 32, 4),  # 16x16
    (384, 1024, 24, 20),  # 8x8
    (768, 2048, 128, 3),  # 4x4
)


class DualPath(nn.Module):
    """A block; ``c_in`` channels become those added and those appended.

    The first block of a stage projects its input to ``added + appended`` channels, the others keep
    it; all append.
    """

    def __init__(
        self, c_in: int, inner: int, added: int, appended: int, stride: int, first: bool
    ) -> None:
        super().__init__()
        self.added = added
        c = added + appended
        self.layers = nn.Sequential(
            conv_bn(c_in, inner, 1),
            nn.ReLU(),
            conv_bn(inner, inner, 3, stride, groups=GROUPS),
            nn.ReLU(),
            conv_bn(inner, c, 1),
        )
        self.shortcut = conv_bn(c_in, c, 1, stride) if first else nn.Identity()
        self.c_out = (c if first else c_in) + appended

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, c_out, H / stride, W / stride)``."""
        old, new = self.shortcut(x), self.layers(x)
        d = self.added
        joined = torch.cat([old[:, :d] + new[:, :d], old[:, d:], new[:, d:]], dim=1)
        return torch.relu(joined)


class Dpn92(SearchSpace):
    """DPN-92 as it is usually trained on CIFAR, with 34,236,634 parameters for ten classes.

    The paper's, for larger images, starts each stage with twice the appended channels.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
    """

    channels_last = True

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec)
        self.stem = nn.Sequential(conv_bn(spec.channels, STEM, 3), nn.ReLU())
        self.stages = nn.Sequential()
        c = STEM
        for number, (inner, added, appended, blocks) in enumerate(STAGES):
            for index in range(blocks):
                stride = 2 if number > 0 and index == 0 else 1
                block = DualPath(c, inner, added, appended, stride, first=index == 0)
                self.stages.append(block)
                c = block.c_out
        self.classifier = pooled_head(c, spec.classes, dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, classes)."""
        logits: Tensor = self.classifier(self.stages(self.stem(x)))
        return logits
