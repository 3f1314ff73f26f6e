"""VGG-16 (Simonyan and Zisserman, 2015) for small images: torchvision's layers, a smaller head."""

from __future__ import annotations

from torch import nn
from torchvision.models import vgg

from nasbench.space import DataSpec
from retrain.baselines.torchvision_net import TorchvisionNet, check_share, head

Plan = tuple[int | str, ...]
"""Channels of the convolutions in their order, and ``"M"`` where a pooling halves the size."""

PLAN: Plan = tuple(vgg.cfgs["D"])


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
        hidden_size: of that layer, at least 1.
        dropout_rate: after it, in [0, 1).

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
    """VGG-16 with BN."""

    batch_norm = True


class Vgg(TorchvisionNet):
    """VGG-16 with BN and a single linear layer, as it is usually trained on CIFAR.

    14,728,266 parameters for 32x32x3 images in ten classes.
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
