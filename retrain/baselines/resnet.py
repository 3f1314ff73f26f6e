"""ResNet (He et al., 2016) and ResNeXt (Xie et al., 2017) for small images.

As usual for 32x32 images the stem is one 3x3 convolution of stride 1, without pooling.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torchvision import models

from nasbench.space import DataSpec
from retrain.baselines.torchvision_net import TorchvisionNet, head, stem


def _adapted(
    make: Callable[[], models.ResNet], spec: DataSpec, dropout_rate: float
) -> models.ResNet:
    network = make()
    network.conv1 = stem(spec, 64)
    network.maxpool = nn.Identity()
    network.fc = head(network.fc.in_features, spec.classes, dropout_rate)
    return network


class ResNet18(TorchvisionNet):
    """ResNet-18; 11,173,962 parameters for 32x32x3 images in ten classes."""

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec, _adapted(models.resnet18, spec, dropout_rate))


class ResNet50(TorchvisionNet):
    """ResNet-50."""

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec, _adapted(models.resnet50, spec, dropout_rate))


class ResNeXt50(TorchvisionNet):
    """ResNeXt-50, 32x4d."""

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec, _adapted(models.resnext50_32x4d, spec, dropout_rate))
