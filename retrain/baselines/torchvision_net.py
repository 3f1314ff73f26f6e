"""What torchvision's networks need to fit small images: another stem, another classifier."""

from __future__ import annotations

from torch import Tensor, nn

from nasbench.space import DataSpec, SearchSpace


class TorchvisionNet(SearchSpace):
    """A network of torchvision's, freshly initialised, without open decisions.

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


def check_share(name: str, value: float) -> None:
    """Raise unless ``value`` is a probability below 1.

    Raises:
        ValueError: it is not.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name}={value}: must be in [0, 1)")


def stem(spec: DataSpec, c_out: int) -> nn.Conv2d:
    """Return a first convolution that keeps the size: 3x3, stride 1, initialised as He's."""
    conv = nn.Conv2d(spec.channels, c_out, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def head(c_in: int, classes: int, dropout_rate: float) -> nn.Sequential:
    """Return dropout and the last linear layer.

    Raises:
        ValueError: ``dropout_rate`` is not in [0, 1).
    """
    check_share("dropout_rate", dropout_rate)
    return nn.Sequential(nn.Dropout(dropout_rate), nn.Linear(c_in, classes))
