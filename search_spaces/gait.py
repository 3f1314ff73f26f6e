"""EV-Gait's network on event images (Wang et al., CVPR 2019), and spaces around it.

Four convolutions halve the size, residual blocks keep it, and linear layers classify. Only the
blocks of mobile networks have BN. Labels start with the stage or block, counted from 0.

Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from nasbench.nn import Conv2d, Linear
from nasbench.space import (
    DataSpec,
    Expression,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    Size,
    ValueChoice,
)
from search_spaces.layers import check, scaled, scaled_by_choice, separable

CHANNELS = (64, 128, 256, 512)  # of 128x128 images: 64x64, 32x32, 16x16, 8x8
STEM_KERNEL = 7  # of the first stage; the others have 3
BLOCKS = 2
LAST_HIDDEN = 512
KERNELS = (3, 5, 7)
BLOCK_KERNELS = (3, 5)
DEPTHS = (1, 4)
EXPANSION = 3
HIDDEN_SHARES = (0.25, 0.5, 1.0)
ADDED = (1,)  # the value of a skip that adds the input; (0,) does not


def conv_relu(c_in: Size, c_out: Size, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the size at stride 1, and ReLU.

    Maps ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / stride), ceil(W / stride))``.

    Args:
        c_in: input channels.
        c_out: output channels.
        kernel: an odd size.
        stride: at least 1.
    """
    return nn.Sequential(Conv2d(c_in, c_out, kernel, stride, kernel // 2), nn.ReLU())


def plain(c: Size, kernel: int) -> nn.Sequential:
    """Return the two convolutions of a residual block of EV-Gait."""
    return nn.Sequential(conv_relu(c, c, kernel), conv_relu(c, c, kernel))


class Residual(nn.Module):
    """Layers, their input added, and ReLU.

    Args:
        layers: layers that keep the shape.
        label: the label of a decision to add the input; if ``None``, it is always added.
    """

    def __init__(self, layers: nn.Module, label: str | None = None) -> None:
        super().__init__()
        self.layers = layers
        self.adds = None if label is None else InputChoice(2, n_chosen=1, label=label)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        out: Tensor = self.layers(x)
        if self.adds is None or (self.adds.frozen and self.adds.selected == ADDED):
            out = out + x
        elif not self.adds.frozen:
            out = self.adds([out, out + x])
        joined: Tensor = self.relu(out)
        return joined


class EvGait(SearchSpace):
    """EV-Gait without decisions, the baseline of the spaces below.

    Args:
        spec: the shape of the data; sizes are halved four times, rounding up.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        hidden_size: units of the first linear layer, at least 1.
        dropout_rate: dropout rate after the first linear layer, in [0, 1).

    Raises:
        ValueError: an argument is out of its range.
    """

    channels_last: ClassVar[bool] = True

    def __init__(
        self,
        spec: DataSpec,
        *,
        width: float = 1.0,
        hidden_size: int = 1024,
        dropout_rate: float = 0.5,
    ) -> None:
        super().__init__(spec)
        check(width, dropout_rate)
        if hidden_size < 1:
            raise ValueError(f"hidden_size={hidden_size}: must be at least 1")
        c: Size
        c, height, side = spec.shape
        self.stages = nn.Sequential()
        for number, channels in enumerate(CHANNELS):
            c_out = self.channels(number, channels, width)
            self.stages.append(self.stage(number, c, c_out))
            c, height, side = c_out, -(-height // 2), -(-side // 2)
        self.blocks = self.residuals(c)
        hidden = self.hidden(hidden_size)
        self.head = self.first_linear(c, c * height * side, hidden)
        self.classifier = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(dropout_rate),
            Linear(hidden, LAST_HIDDEN),
            nn.ReLU(),
            nn.Linear(LAST_HIDDEN, spec.classes),
        )

    def channels(self, stage: int, channels: int, width: float) -> Size:
        """Return the channels of a stage at a width."""
        return scaled(channels, width)

    def hidden(self, size: int) -> Size:
        """Return the size of the first linear layer."""
        return size

    def stage(self, number: int, c_in: Size, c_out: Size) -> nn.Module:
        """Return the layer that halves the size.

        Args:
            number: of the stage, counted from 0.
            c_in: input channels.
            c_out: output channels.
        """
        return conv_relu(c_in, c_out, 3 if number else STEM_KERNEL, stride=2)

    def residuals(self, c: Size) -> nn.Module:
        """Return the blocks that keep the size."""
        return nn.Sequential(*(Residual(plain(c, 3)) for _ in range(BLOCKS)))

    def first_linear(self, c: Size, flat: Size, hidden: Size) -> nn.Module:
        """Return a layer from ``(B, c, H, W)`` to ``(B, hidden)``.

        Args:
            c: input channels.
            flat: c * H * W.
            hidden: output size.
        """
        return nn.Sequential(nn.Flatten(), Linear(flat, hidden))

    def features(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, 512, H / 16, W / 16)`` at full width, rounded up."""
        out: Tensor = self.blocks(self.stages(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        logits: Tensor = self.classifier(self.head(self.features(x)))
        return logits


class GaitOps(EvGait):
    """EV-Gait with choices of kernels, blocks, depth and head.

    There are 3^4 * 2 * (12 + 12^2 + 12^3 + 12^4) architectures. ``s1_kernel`` is the kernel of a
    stage. ``depth`` is the number of blocks, 1 to 4. For each of them, ``b0_block`` is ``plain3``
    (that of EV-Gait), ``separable3`` (a depthwise and a 1x1 convolution) or ``inverted3`` (with
    an expansion of 3 in front, as in MobileNetV2), or one of these with kernel 5; ``b0_skip`` adds
    the input (``[1]``) or not (``[0]``). ``head`` is ``flat`` or ``pooled``.

    Args:
        spec: the shape of the data; sizes are halved four times, rounding up.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        hidden_size: units of the first linear layer, at least 1.
        dropout_rate: dropout rate after the first linear layer, in [0, 1).
    """

    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"width": 0.25, "hidden_size": 128}
    }
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"width": 1.0, "hidden_size": 1024}
    }

    def stage(self, number: int, c_in: Size, c_out: Size) -> nn.Module:
        """Return the choice of kernel of a stage."""
        kernels = {f"k{k}": partial(conv_relu, c_in, c_out, k, stride=2) for k in KERNELS}
        return LayerChoice(kernels, label=f"s{number}_kernel")

    def residuals(self, c: Size) -> nn.Module:
        """Return a chosen number of blocks."""
        return Repeat(partial(self.block, c), depth=DEPTHS, label="depth")

    def block(self, c: Size, index: int) -> nn.Module:
        """Return a block with choices of layers and skip."""
        layers = LayerChoice(
            {
                f"{name}{kernel}": partial(made, c, kernel)
                for name, made in (
                    ("plain", plain),
                    ("separable", _separable),
                    ("inverted", _inverted),
                )
                for kernel in BLOCK_KERNELS
            },
            label=f"b{index}_block",
        )
        return Residual(layers, label=f"b{index}_skip")

    def first_linear(self, c: Size, flat: Size, hidden: Size) -> nn.Module:
        """Return the choice between all pixels and their mean."""
        pool = nn.AdaptiveAvgPool2d
        return LayerChoice(
            {
                "flat": lambda: nn.Sequential(nn.Flatten(), Linear(flat, hidden)),
                "pooled": lambda: nn.Sequential(pool(1), nn.Flatten(), Linear(c, hidden)),
            },
            label="head",
        )


class Gait(GaitOps):
    """The choices of ``GaitOps``, a width for each stage and a hidden size.

    ``s1_width`` multiplies the channels of a stage by 0.5, 0.75 or 1, and ``hidden`` multiplies
    ``hidden_size`` by 0.25, 0.5 or 1. In a supernet, both slice shared weights.

    Args:
        spec: the shape of the data; sizes are halved four times, rounding up.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        hidden_size: units of the first linear layer, at least 1.
        dropout_rate: dropout rate after the first linear layer, in [0, 1).
    """

    def channels(self, stage: int, channels: int, width: float) -> Size:
        """Return the channels of a stage at a width, under a choice of multiplier."""
        return scaled_by_choice(channels, width, stage)

    def hidden(self, size: int) -> Size:
        """Return the hidden size under a choice of its share."""
        share = ValueChoice(HIDDEN_SHARES, label="hidden")
        return Expression("round({} * {})", _share, size, share)


def _share(size: int, share: float) -> int:
    return max(1, round(size * share))


def _separable(c: Size, kernel: int) -> nn.Module:
    """Return a depthwise-separable block, as in MobileNet V1."""
    return separable(c, c, kernel, stride=1)


def _inverted(c: Size, kernel: int) -> nn.Module:
    """Return the layers of an inverted residual block, as in MobileNetV2, without its skip."""
    return separable(c, c, kernel, 1, EXPANSION, relu=False)
