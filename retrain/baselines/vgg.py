"""VGG-16 (Simonyan and Zisserman, 2015) for small images: torchvision's layers, a smaller head."""

from __future__ import annotations

from torch import nn
from torchvision.models import vgg

from nasbench.space import DataSpec
from retrain.baselines.layers import check_share, head, perceptron
from retrain.baselines.torchvision_nets import TorchvisionNet

Plan = tuple[int | str, ...]
"""Channels of the convolutions in their order, and ``"M"`` where a pooling halves the size."""

PLAN: Plan = tuple(vgg.cfgs["D"])

MNIST_POOLED = 4  # by how much the poolings divide a side
MNIST_PLANS: dict[int, Plan] = {  # channels of the convolutions, "M" for a pooling
    10: (64, "M", 128, 256, 256, "M", *[512] * 4),
    12: (64, 64, "M", 128, 128, 256, 256, "M", *[512] * 4),
    15: (64, 64, "M", 128, 128, *[256] * 3, "M", *[512] * 5),
    18: (64, 64, "M", 128, 128, "M", *[256] * 4, *[512] * 7),
}


def convolutions(spec: DataSpec, plan: Plan, batch_norm: bool) -> nn.Sequential:
    """Return a plan's layers, with as many poolings as the images can be halved."""
    layers, size = [], min(spec.height, spec.width)
    for layer in vgg.make_layers(list(plan), batch_norm=batch_norm):
        if isinstance(layer, nn.MaxPool2d):
            if size < 2:
                continue
            size //= 2
        layers.append(layer)
    layers[0] = nn.Conv2d(spec.channels, int(plan[0]), 3, padding=1)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


class Vgg16(TorchvisionNet):
    """VGG-16, with one hidden layer after the convolutions.

    Args:
        spec: the data's shape.
        hidden_size: units of that layer, at least 1.
        dropout_rate: dropout rate after it, in [0, 1).

    Raises:
        ValueError: an argument is out of its range.
    """

    batch_norm = False

    def __init__(
        self, spec: DataSpec, *, hidden_size: int = 512, dropout_rate: float = 0.5
    ) -> None:
        check_share("dropout_rate", dropout_rate)
        if hidden_size < 1:
            raise ValueError(f"hidden_size={hidden_size}: must be at least 1")
        layers = [
            convolutions(spec, PLAN, self.batch_norm),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(512, hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout_rate),
            nn.Linear(hidden_size, spec.classes),
        ]
        super().__init__(spec, nn.Sequential(*layers))


class Vgg16Bn(Vgg16):
    """VGG-16 with BN and one hidden layer after the convolutions.

    Args:
        spec: the data's shape.
        hidden_size: units of that layer, at least 1.
        dropout_rate: dropout rate after it, in [0, 1).

    Raises:
        ValueError: an argument is out of its range.
    """

    batch_norm = True


class Vgg(TorchvisionNet):
    """VGG-16 with BN and a single linear layer, as it is usually trained on CIFAR.

    14,728,266 parameters for 32x32x3 images in ten classes.

    Args:
        spec: the data's shape.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: ``dropout_rate`` is out of its range.
    """

    def __init__(self, spec: DataSpec, *, dropout_rate: float = 0.0) -> None:
        classifier = head(512, spec.classes, dropout_rate)
        layers = [
            convolutions(spec, PLAN, True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            classifier,
        ]
        super().__init__(spec, nn.Sequential(*layers))


class MnistVgg(TorchvisionNet):
    """VGG with BN and two poolings for 28x28 images, of 10, 12, 15 or 18 layers.

    The number counts convolutions and linear layers, so 10 and 12, of 8 and 10 convolutions, end
    in two linear layers, 15 and 18, of 12 and 15 convolutions, in three.

    Args:
        spec: the data's shape; images of at least 4x4 pixels.
        layers: number of layers; 10, 12, 15 or 18.
        hidden_size: units of the linear layers before the last; the first of them sees the
            whole last map, 512x7x7 values.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: an argument is out of its range, or the images are too small.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        layers: int = 10,
        hidden_size: int = 512,
        dropout_rate: float = 0.5,
    ) -> None:
        if layers not in MNIST_PLANS:
            raise ValueError(f"layers={layers}: must be 10, 12, 15 or 18")
        if hidden_size < 1:
            raise ValueError(f"hidden_size={hidden_size}: must be at least 1")
        if min(spec.height, spec.width) < MNIST_POOLED:
            raise ValueError(f"images of {spec.height}x{spec.width}: must be at least 4x4")
        plan = MNIST_PLANS[layers]
        linear = layers - sum(isinstance(step, int) for step in plan)
        flat = 512 * (spec.height // MNIST_POOLED) * (spec.width // MNIST_POOLED)
        sizes = (flat, *[hidden_size] * (linear - 1), spec.classes)
        classifier = perceptron(sizes, dropout_rate)
        super().__init__(spec, nn.Sequential(convolutions(spec, plan, True), classifier))
