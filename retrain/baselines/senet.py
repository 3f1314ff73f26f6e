"""SENet-18: ResNet-18 with BN in front (He et al., 2016b), its blocks squeezed and excited.

"Squeeze-and-Excitation Networks" (Hu et al., 2018); for small images.
Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation

from nasbench.space import DataSpec, SearchSpace
from retrain.baselines.layers import conv_bn, pooled_head

STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # channels, stride; 32x32 to 4x4 at 32x32 images
BLOCKS = 2
REDUCTION = 16


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)


class Excited(nn.Module):
    """A block: twice BN, ReLU and a 3x3 convolution; the result is weighed channel by channel."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU())
        self.layers = nn.Sequential(
            _conv(c_in, c_out, 3, stride),
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
            _conv(c_out, c_out, 3),
            SqueezeExcitation(c_out, c_out // REDUCTION),
        )
        changes = stride != 1 or c_in != c_out
        self.shortcut = _conv(c_in, c_out, 1, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / stride), ceil(W / stride))``."""
        ready = self.before(x)
        new: Tensor = self.layers(ready)
        return new + (x if self.shortcut is None else self.shortcut(ready))


class SeNet18(SearchSpace):
    """SENet-18; 11,260,354 parameters for 32x32x3 images in ten classes.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
    """

    channels_last = True

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec)
        c = STAGES[0][0]
        self.stem = nn.Sequential(conv_bn(spec.channels, c, 3), nn.ReLU())
        self.stages = nn.Sequential()
        for channels, stride in STAGES:
            for index in range(BLOCKS):
                self.stages.append(Excited(c, channels, stride if index == 0 else 1))
                c = channels
        self.classifier = pooled_head(c, spec.classes, dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, classes)."""
        features = self.stages(self.stem(x))
        logits: Tensor = self.classifier(features)
        return logits
