"""DenseNet-121 (Huang et al., 2017) for small images: a stem that keeps the size."""

from __future__ import annotations

from torch import nn
from torchvision import models

from nasbench.space import DataSpec
from retrain.baselines.torchvision_net import TorchvisionNet, head, stem


class DenseNet121(TorchvisionNet):
    """DenseNet-121."""

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        network = models.densenet121()
        network.features.conv0 = stem(spec, 64)
        network.features.pool0 = nn.Identity()
        network.classifier = head(network.classifier.in_features, spec.classes, dropout_rate)
        super().__init__(spec, network)
