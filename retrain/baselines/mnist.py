"""Two small networks for MNIST's 28x28 images, on which options of training are compared."""

from __future__ import annotations

from nasbench.space import DataSpec
from retrain.baselines.small_cnn import TwoBlocks


class MnistCnn(TwoBlocks):
    """Convolutions of 8 and 16 channels, and two linear layers with dropout between them.

    Args:
        spec: the data's shape; images of at least 4x4 pixels.
        kernel_size: of both convolutions, odd; 5 as in LeNet-5 (LeCun et al., 1998), but padded,
            so that the maps keep their size and 16x7x7 values reach the linear layers.
        hidden_size: of the first linear layer.
        dropout_rate: before the last layer, in [0, 1).
        batch_norm: whether BN stands behind the convolutions, in place of their bias.

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
        hidden_size: of the first two linear layers.
        dropout_rate: before the last layer, in [0, 1).

    Raises:
        ValueError: an argument is out of its range, or the images are too small.
    """

    def __init__(
        self, spec: DataSpec, *, hidden_size: int = 256, dropout_rate: float = 0.0
    ) -> None:
        hidden = (hidden_size, hidden_size)
        super().__init__(spec, (64, 128), 3, hidden, dropout_rate, batch_norm=True)
