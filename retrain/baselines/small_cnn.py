"""A small convolutional network, of the kind that tutorials tune."""

from __future__ import annotations

from torch import Tensor, nn

from nasbench.space import DataSpec, SearchSpace
from retrain.baselines.torchvision_net import check_share


def _block(c_in: int, c_out: int, kernel_size: int) -> nn.Sequential:
    """Return convolution, BN, ReLU and a pooling that halves the size."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


class SmallCnn(SearchSpace):
    """Two convolutions with pooling and two linear layers.

    Args:
        spec: the data's shape; images of at least 4x4 pixels.
        width: channels of the first convolution; the second has twice as many.
        kernel_size: of both, odd.
        hidden_size: of the first linear layer.
        dropout_rate: before the last layer, in [0, 1).

    Raises:
        ValueError: an argument is out of its range, or the images are too small.
    """

    channels_last = True

    def __init__(
        self,
        spec: DataSpec,
        *,
        width: int = 16,
        kernel_size: int = 3,
        hidden_size: int = 128,
        dropout_rate: float = 0.0,
    ) -> None:
        super().__init__(spec)
        check_share("dropout_rate", dropout_rate)
        if width < 1 or hidden_size < 1:
            raise ValueError(f"width={width}, hidden_size={hidden_size}: must be at least 1")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size}: must be odd and at least 1")
        if min(spec.height, spec.width) < 4:
            raise ValueError(f"images of {spec.height}x{spec.width}: must be at least 4x4")
        self.features = nn.Sequential(
            _block(spec.channels, width, kernel_size), _block(width, 2 * width, kernel_size)
        )
        flat = 2 * width * (spec.height // 4) * (spec.width // 4)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(flat, hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout_rate),
            nn.Linear(hidden_size, spec.classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, classes)."""
        logits: Tensor = self.classifier(self.features(x))
        return logits
