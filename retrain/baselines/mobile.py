"""Small networks for small images: a stem of stride 1, and no pooling right after it."""

from __future__ import annotations

from torch import nn
from torchvision import models

from nasbench.space import DataSpec
from retrain.baselines.torchvision_net import TorchvisionNet, check_share, head, stem


class SqueezeNet(TorchvisionNet):
    """SqueezeNet 1.1 (Iandola et al., 2016)."""

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.5) -> None:
        check_share("dropout_rate", dropout_rate)
        network = models.squeezenet1_1(num_classes=spec.classes, dropout=dropout_rate)
        network.features[0] = nn.Conv2d(spec.channels, 64, 3, padding=1)
        # Its classifier ends in a ReLU, which leaves no gradient where all logits are negative.
        network.classifier[2] = nn.Identity()
        super().__init__(spec, network)


class ShuffleNetV2(TorchvisionNet):
    """ShuffleNet V2, width 1.0 (Ma et al., 2018)."""

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        network = models.shufflenet_v2_x1_0()
        network.conv1[0] = stem(spec, 24)
        network.maxpool = nn.Identity()
        network.fc = head(network.fc.in_features, spec.classes, dropout_rate)
        super().__init__(spec, network)


class MobileNetV2(TorchvisionNet):
    """MobileNet V2 (Sandler et al., 2018); its first two strides are 1."""

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2) -> None:
        network = models.mobilenet_v2()
        network.features[0][0] = stem(spec, 32)
        network.features[2].conv[1][0].stride = (1, 1)
        network.classifier = head(1280, spec.classes, dropout_rate)
        super().__init__(spec, network)


class MnasNet(TorchvisionNet):
    """MnasNet, depth 1.0 (Tan et al., 2019)."""

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2) -> None:
        network = models.mnasnet1_0()
        network.layers[0] = stem(spec, 32)
        network.classifier = head(1280, spec.classes, dropout_rate)
        super().__init__(spec, network)
