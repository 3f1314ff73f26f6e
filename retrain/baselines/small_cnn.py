"""Networks of two convolutions: the one that tutorials tune, and two for MNIST."""

from __future__ import annotations

from torch import Tensor, nn

from nasbench.space import DataSpec, SearchSpace
from retrain.baselines.layers import perceptron


def _block(c_in: int, c_out: int, kernel_size: int, batch_norm: bool) -> nn.Sequential:
    """Return convolution, BN if wanted, ReLU and a pooling that halves the size."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel_size, padding=kernel_size // 2, bias=not batch_norm),
        *([nn.BatchNorm2d(c_out)] if batch_norm else []),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


class TwoBlocks(SearchSpace):
    """Two convolutions with pooling and some linear layers.

    Args:
        spec: the data's shape; images of at least 4x4 pixels.
        widths: channels of both convolutions.
        kernel_size: kernel size of both convolutions, odd.
        hidden_sizes: of the linear layers before the last.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        batch_norm: whether BN follows the convolutions, in place of their bias.

    Raises:
        ValueError: an argument is out of its range, or the images are too small.
    """

    channels_last = True

    def __init__(
        self,
        spec: DataSpec,
        widths: tuple[int, int],
        kernel_size: int,
        hidden_sizes: tuple[int, ...],
        dropout_rate: float,
        batch_norm: bool,
    ) -> None:
        super().__init__(spec)
        if min(*widths, *hidden_sizes) < 1:
            raise ValueError(
                f"width={widths[0]}, hidden_size={hidden_sizes[0]}: must be at least 1"
            )
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size}: must be odd and at least 1")
        if min(spec.height, spec.width) < 4:
            raise ValueError(f"images of {spec.height}x{spec.width}: must be at least 4x4")
        first, second = widths
        self.features = nn.Sequential(
            _block(spec.channels, first, kernel_size, batch_norm),
            _block(first, second, kernel_size, batch_norm),
        )
        flat = second * (spec.height // 4) * (spec.width // 4)
        self.classifier = perceptron((flat, *hidden_sizes, spec.classes), dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, classes)."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


class SmallCnn(TwoBlocks):
    """Two convolutions with BN and pooling, and two linear layers.

    Args:
        spec: the data's shape; images of at least 4x4 pixels.
        width: channels of the first convolution; the second has twice as many.
        kernel_size: kernel size of both convolutions, odd.
        hidden_size: units of the first linear layer.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: an argument is out of its range, or the images are too small.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        width: int = 16,
        kernel_size: int = 3,
        hidden_size: int = 128,
        dropout_rate: float = 0.0,
    ) -> None:
        widths = (width, 2 * width)
        super().__init__(spec, widths, kernel_size, (hidden_size,), dropout_rate, batch_norm=True)


class MnistCnn(TwoBlocks):
    """Convolutions of 8 and 16 channels, and two linear layers with dropout between them.

    Args:
        spec: the data's shape; images of at least 4x4 pixels.
        kernel_size: kernel size of both convolutions, odd; 5 as in LeNet-5 (LeCun et al., 1998),
            but padded, so that the maps keep their size and 16x7x7 values reach the linear
            layers.
        hidden_size: units of the first linear layer.
        dropout_rate: dropout rate before the last layer, in [0, 1).
        batch_norm: whether BN follows the convolutions, in place of their bias.

    Raises:
        ValueError: an argument is out of its range, or the images are too small.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        kernel_size: int = 5,
        hidden_size: int = 4096,
        dropout_rate: float = 0.5,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(spec, (8, 16), kernel_size, (hidden_size,), dropout_rate, batch_norm)


class MnistOptim(TwoBlocks):
    """Convolutions of 64 and 128 channels with BN, and three linear layers.

    Args:
        spec: the data's shape; images of at least 4x4 pixels.
        hidden_size: units of the first two linear layers.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: an argument is out of its range, or the images are too small.
    """

    def __init__(
        self, spec: DataSpec, *, hidden_size: int = 256, dropout_rate: float = 0.0
    ) -> None:
        hidden = (hidden_size, hidden_size)
        super().__init__(spec, (64, 128), 3, hidden, dropout_rate, batch_norm=True)
