"""A search space of your own: two layers and a shortcut to choose."""

from torch import Tensor, nn

from nasbench.space import DataSpec, InputChoice, LayerChoice, SearchSpace


def conv(c_in: int, c_out: int, kernel: int) -> nn.Module:
    """Return a convolution that keeps the size, BN and ReLU."""
    layer = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(c_out), nn.ReLU())


class MySpace(SearchSpace):
    """18 networks: two layers of three kinds, and a shortcut from one of two places."""

    def __init__(self, spec: DataSpec, *, width: int = 16) -> None:
        super().__init__(spec)
        layers = {
            "conv3x3": lambda: conv(width, width, 3),
            "conv5x5": lambda: conv(width, width, 5),
            "pool3x3": lambda: nn.MaxPool2d(3, stride=1, padding=1),
        }
        self.stem = conv(spec.channels, width, 3)
        self.first = LayerChoice(layers, label="first")
        self.second = LayerChoice(layers, label="second")
        self.shortcut = InputChoice(2, n_chosen=1, label="shortcut")
        self.classifier = nn.Linear(width, spec.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, classes)."""
        stem = self.stem(x)
        first = self.first(stem)
        last = self.second(first) + self.shortcut([stem, first])
        return self.classifier(last.mean(dim=(2, 3)))
