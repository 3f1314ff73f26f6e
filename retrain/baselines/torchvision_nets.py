"""torchvision's networks for small images: a stem that keeps the size, a smaller classifier.

As usual for 32x32 images the stem is one convolution of stride 1, without pooling.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torchvision import models
from torchvision.models.googlenet import BasicConv2d, Inception

from nasbench.space import DataSpec, SearchSpace
from retrain.baselines.layers import check_share, head, stem


class TorchvisionNet(SearchSpace):
    """A freshly initialised network of torchvision, without open decisions.

    Args:
        spec: the data's shape.
        network: adapted to it.
    """

    channels_last = True

    def __init__(self, spec: DataSpec, network: nn.Module) -> None:
        super().__init__(spec)
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, classes)."""
        logits: Tensor = self.network(x)
        return logits


def _adapted(
    make: Callable[[], models.ResNet], spec: DataSpec, dropout_rate: float
) -> models.ResNet:
    network = make()
    network.conv1 = stem(spec, 64)
    network.maxpool = nn.Identity()
    network.fc = head(network.fc.in_features, spec.classes, dropout_rate)
    return network


class ResNet18(TorchvisionNet):
    """ResNet-18 (He et al., 2016); 11,173,962 parameters for 32x32x3 images in ten classes.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec, _adapted(models.resnet18, spec, dropout_rate))


class ResNet50(TorchvisionNet):
    """ResNet-50 (He et al., 2016).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec, _adapted(models.resnet50, spec, dropout_rate))


class ResNeXt50(TorchvisionNet):
    """ResNeXt-50, 32x4d (Xie et al., 2017).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        super().__init__(spec, _adapted(models.resnext50_32x4d, spec, dropout_rate))


class DenseNet121(TorchvisionNet):
    """DenseNet-121 (Huang et al., 2017).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        network = models.densenet121()
        network.features.conv0 = stem(spec, 64)
        network.features.pool0 = nn.Identity()
        network.classifier = head(network.classifier.in_features, spec.classes, dropout_rate)
        super().__init__(spec, network)


class GoogLeNet(TorchvisionNet):
    """GoogLeNet (Szegedy et al., 2015) without auxiliary classifiers.

    The inception modules see maps of 32, 16 and 8 pixels a side.
    The paper's 5x5 convolutions are two 3x3 ones each; torchvision has a single 3x3 there, which
    sees less.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2) -> None:
        check_share("dropout_rate", dropout_rate)
        network = models.googlenet(
            num_classes=spec.classes, aux_logits=False, init_weights=False, dropout=dropout_rate
        )
        network.conv1 = BasicConv2d(spec.channels, 192, kernel_size=3, padding=1)
        for name in ("maxpool1", "conv2", "conv3", "maxpool2"):
            setattr(network, name, nn.Identity())
        for module in network.modules():
            if isinstance(module, Inception):
                c = module.branch3[-1].conv.out_channels
                module.branch3.append(BasicConv2d(c, c, kernel_size=3, padding=1))
        super().__init__(spec, network)


class SqueezeNet(TorchvisionNet):
    """SqueezeNet 1.1 (Iandola et al., 2016).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.5) -> None:
        check_share("dropout_rate", dropout_rate)
        network = models.squeezenet1_1(num_classes=spec.classes, dropout=dropout_rate)
        network.features[0] = nn.Conv2d(spec.channels, 64, 3, padding=1)
        # Its classifier ends in a ReLU, which leaves no gradient where all logits are negative.
        network.classifier[2] = nn.Identity()
        super().__init__(spec, network)


class ShuffleNetV2(TorchvisionNet):
    """ShuffleNet V2, width 1.0 (Ma et al., 2018).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        network = models.shufflenet_v2_x1_0()
        network.conv1[0] = stem(spec, 24)
        network.maxpool = nn.Identity()
        network.fc = head(network.fc.in_features, spec.classes, dropout_rate)
        super().__init__(spec, network)


class MobileNetV2(TorchvisionNet):
    """MobileNet V2 (Sandler et al., 2018); its first two strides are 1.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2) -> None:
        network = models.mobilenet_v2()
        network.features[0][0] = stem(spec, 32)
        network.features[2].conv[1][0].stride = (1, 1)
        network.classifier = head(1280, spec.classes, dropout_rate)
        super().__init__(spec, network)


class MnasNet(TorchvisionNet):
    """MnasNet, depth 1.0 (Tan et al., 2019).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2) -> None:
        network = models.mnasnet1_0()
        network.layers[0] = stem(spec, 32)
        network.classifier = head(1280, spec.classes, dropout_rate)
        super().__init__(spec, network)
