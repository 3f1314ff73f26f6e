"""VGG (Simonyan and Zisserman, 2015) with two poolings, for MNIST's 28x28 images."""

from __future__ import annotations

from torch import nn

from nasbench.space import DataSpec
from retrain.baselines.layers import perceptron
from retrain.baselines.torchvision_net import TorchvisionNet
from retrain.baselines.vgg import Plan, convolutions

POOLED = 4  # by how much the poolings divide a side
PLANS: dict[int, Plan] = {  # channels of the convolutions, "M" where a pooling stands
    10: (64, "M", 128, 256, 256, "M", *[512] * 4),
    12: (64, 64, "M", 128, 128, 256, 256, "M", *[512] * 4),
    15: (64, 64, "M", 128, 128, *[256] * 3, "M", *[512] * 5),
    18: (64, 64, "M", 128, 128, "M", *[256] * 4, *[512] * 7),
}


class MnistVgg(TorchvisionNet):
    """VGG with BN, of 10, 12, 15 or 18 layers.

    The number counts convolutions and linear layers, so 10 and 12, of 8 and 10 convolutions, end
    in two linear layers, 15 and 18, of 12 and 15 convolutions, in three.

    Args:
        spec: the data's shape; images of at least 4x4 pixels.
        layers: how many there are.
        hidden_size: of the linear layers before the last; the first of them sees the whole last
            map, 512x7x7 values.
        dropout_rate: before the last layer, in [0, 1).

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
        if layers not in PLANS:
            raise ValueError(f"layers={layers}: must be 10, 12, 15 or 18")
        if hidden_size < 1:
            raise ValueError(f"hidden_size={hidden_size}: must be at least 1")
        if min(spec.height, spec.width) < POOLED:
            raise ValueError(f"images of {spec.height}x{spec.width}: must be at least 4x4")
        plan = PLANS[layers]
        linear = layers - sum(isinstance(step, int) for step in plan)
        flat = 512 * (spec.height // POOLED) * (spec.width // POOLED)
        sizes = (flat, *[hidden_size] * (linear - 1), spec.classes)
        classifier = perceptron(sizes, dropout_rate)
        super().__init__(spec, nn.Sequential(convolutions(spec, plan, True), classifier))
