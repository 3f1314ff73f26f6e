"""A search space of your own whose sizes are choices; one supernet holds every size."""

from torch import Tensor, nn

from nasbench.nn import BatchNorm2d, Conv2d, Linear
from nasbench.space import DataSpec, Repeat, SearchSpace, ValueChoice


class ElasticSpace(SearchSpace):
    """Inverted bottlenecks: width, depth, and expansion and kernel of every block."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.width = ValueChoice([8, 12, 16], label="width")
        self.stem = Conv2d(spec.channels, self.width, 3, stride=2, padding=1)
        self.blocks = Repeat(self.block, (1, 3), label="depth")
        self.classifier = Linear(self.width, spec.classes)

    def block(self, index: int) -> nn.Module:
        """Return a depthwise convolution between two that widen and narrow."""
        hidden = self.width * ValueChoice([1, 2, 3], label=f"expansion{index}")
        kernel = ValueChoice([3, 5], label=f"kernel{index}")
        return nn.Sequential(
            *(Conv2d(self.width, hidden, 1, bias=False), BatchNorm2d(hidden), nn.ReLU()),
            *(Conv2d(hidden, hidden, kernel, padding=kernel // 2, groups=hidden), nn.ReLU()),
            *(Conv2d(hidden, self.width, 1, bias=False), BatchNorm2d(self.width)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, classes)."""
        return self.classifier(self.blocks(self.stem(x)).mean(dim=(2, 3)))
