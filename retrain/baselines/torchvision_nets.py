"""torchvision's networks with a stem for small images, or as they are.

As usual for 32x32 images the stem is one convolution of stride 1, without pooling. With
``stem="imagenet"`` a network is torchvision's, with the classes and channels of the data: its
first layers reduce 32x32 images to 8x8 or less.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torchvision import models
from torchvision.models.googlenet import BasicConv2d, Inception

from nasbench.space import DataSpec, SearchSpace
from retrain.baselines.layers import check_share, head
from retrain.baselines.layers import stem as small_stem

STEMS = ("small", "imagenet")
LEAST_SIDE = 28  # pixels that every stem for large images takes


def is_small(spec: DataSpec, stem: str) -> bool:
    """Return whether a network gets the stem for small images.

    Args:
        spec: the data's shape.
        stem: ``small`` or ``imagenet``.

    Raises:
        ValueError: it is neither, or the images are too small for ``imagenet``.
    """
    if stem not in STEMS:
        raise ValueError(f"stem={stem}: must be small or imagenet")
    if stem == "imagenet" and min(spec.height, spec.width) < LEAST_SIDE:
        raise ValueError(
            f"stem=imagenet: needs images of at least {LEAST_SIDE}x{LEAST_SIDE}, and these have "
            f"{spec.height}x{spec.width}"
        )
    return stem == "small"


def of_channels(conv: nn.Conv2d, spec: DataSpec) -> nn.Conv2d:
    """Return torchvision's first convolution; a new one for other than three channels.

    Args:
        conv: of torchvision's network.
        spec: the data's shape.
    """
    if spec.channels == conv.in_channels:
        return conv
    made = nn.Conv2d(
        spec.channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        bias=conv.bias is not None,
    )
    nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    return made


class TorchvisionNet(SearchSpace):
    """A freshly initialized network of torchvision, without open decisions.

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
    make: Callable[[], models.ResNet], spec: DataSpec, dropout_rate: float, stem: str
) -> models.ResNet:
    network = make()
    if is_small(spec, stem):
        network.conv1 = small_stem(spec, 64)
        network.maxpool = nn.Identity()
    else:
        network.conv1 = of_channels(network.conv1, spec)
    network.fc = head(network.fc.in_features, spec.classes, dropout_rate)
    return network


class ResNet18(TorchvisionNet):
    """ResNet-18 (He et al., 2016); 11,173,962 parameters for 32x32x3 images in ten classes.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0, stem: str = "small") -> None:
        super().__init__(spec, _adapted(models.resnet18, spec, dropout_rate, stem))


class ResNet50(TorchvisionNet):
    """ResNet-50 (He et al., 2016).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0, stem: str = "small") -> None:
        super().__init__(spec, _adapted(models.resnet50, spec, dropout_rate, stem))


class ResNeXt50(TorchvisionNet):
    """ResNeXt-50, 32x4d (Xie et al., 2017).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0, stem: str = "small") -> None:
        super().__init__(spec, _adapted(models.resnext50_32x4d, spec, dropout_rate, stem))


class DenseNet121(TorchvisionNet):
    """DenseNet-121 (Huang et al., 2017).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0, stem: str = "small") -> None:
        network = models.densenet121()
        if is_small(spec, stem):
            network.features.conv0 = small_stem(spec, 64)
            network.features.pool0 = nn.Identity()
        else:
            network.features.conv0 = of_channels(network.features.conv0, spec)
        network.classifier = head(network.classifier.in_features, spec.classes, dropout_rate)
        super().__init__(spec, network)


class GoogLeNet(TorchvisionNet):
    """GoogLeNet (Szegedy et al., 2015) without auxiliary classifiers.

    With the small stem the inception modules see maps of 32, 16 and 8 pixels a side, and the
    paper's 5x5 convolutions are two 3x3 ones each; torchvision has a single 3x3 there, which sees
    less.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2, stem: str = "small") -> None:
        check_share("dropout_rate", dropout_rate)
        network = models.googlenet(
            num_classes=spec.classes, aux_logits=False, init_weights=False, dropout=dropout_rate
        )
        if is_small(spec, stem):
            network.conv1 = BasicConv2d(spec.channels, 192, kernel_size=3, padding=1)
            for name in ("maxpool1", "conv2", "conv3", "maxpool2"):
                setattr(network, name, nn.Identity())
            for module in network.modules():
                if isinstance(module, Inception):
                    c = module.branch3[-1].conv.out_channels
                    module.branch3.append(BasicConv2d(c, c, kernel_size=3, padding=1))
        else:
            network.conv1.conv = of_channels(network.conv1.conv, spec)
        super().__init__(spec, network)


class SqueezeNet(TorchvisionNet):
    """SqueezeNet 1.1 (Iandola et al., 2016).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.5, stem: str = "small") -> None:
        check_share("dropout_rate", dropout_rate)
        network = models.squeezenet1_1(num_classes=spec.classes, dropout=dropout_rate)
        if is_small(spec, stem):
            network.features[0] = nn.Conv2d(spec.channels, 64, 3, padding=1)
        else:
            network.features[0] = of_channels(network.features[0], spec)
        # Its classifier ends in a ReLU, which leaves no gradient where all logits are negative.
        network.classifier[2] = nn.Identity()
        super().__init__(spec, network)


class ShuffleNetV2(TorchvisionNet):
    """ShuffleNet V2, width 1.0 (Ma et al., 2018).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0, stem: str = "small") -> None:
        network = models.shufflenet_v2_x1_0()
        if is_small(spec, stem):
            network.conv1[0] = small_stem(spec, 24)
            network.maxpool = nn.Identity()
        else:
            network.conv1[0] = of_channels(network.conv1[0], spec)
        network.fc = head(network.fc.in_features, spec.classes, dropout_rate)
        super().__init__(spec, network)


class MobileNetV2(TorchvisionNet):
    """MobileNet V2 (Sandler et al., 2018); the small stem's first two strides are 1.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2, stem: str = "small") -> None:
        network = models.mobilenet_v2()
        if is_small(spec, stem):
            network.features[0][0] = small_stem(spec, 32)
            network.features[2].conv[1][0].stride = (1, 1)
        else:
            network.features[0][0] = of_channels(network.features[0][0], spec)
        network.classifier = head(1280, spec.classes, dropout_rate)
        super().__init__(spec, network)


class MnasNet(TorchvisionNet):
    """MnasNet, depth 1.0 (Tan et al., 2019).

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        stem: ``small``, or ``imagenet`` for torchvision's own first layers.

    Raises:
        ValueError: ``dropout_rate`` is out of its range, ``stem`` is unknown, or the images are
            too small for it.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.2, stem: str = "small") -> None:
        network = models.mnasnet1_0()
        if is_small(spec, stem):
            network.layers[0] = small_stem(spec, 32)
        else:
            network.layers[0] = of_channels(network.layers[0], spec)
        network.classifier = head(1280, spec.classes, dropout_rate)
        super().__init__(spec, network)
