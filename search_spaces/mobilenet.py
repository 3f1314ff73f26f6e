"""MobileNet V1 (Howard et al., arXiv 1704.04861) for small images, and spaces around it.

The network has a stem, five stages of depthwise-separable blocks and a linear classifier. The
first block of a stage sets the channels and the stride; the others keep the shape. Labels start
with the stage and the block, counted from 0: ``s3_i2`` is the third block of the fourth stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from nasbench.space import (
    DataSpec,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    Size,
)
from search_spaces.layers import (
    check,
    classifier,
    conv_bn_relu,
    scaled,
    scaled_by_choice,
    separable,
)

STEM = 32
STAGES = (  # channels, stride of the first block, blocks; at 32x32 images:
    (64, 1, 1),  # 32x32
    (128, 2, 3),  # 16x16
    (256, 2, 3),  # 8x8
    (512, 2, 7),  # 4x4
    (1024, 2, 3),  # 2x2
)
PAPER = (  # table 1 of the paper; the stages above have four blocks more
    (64, 1, 1),
    (128, 2, 2),
    (256, 2, 2),
    (512, 2, 6),
    (1024, 2, 2),
)
KERNELS = (3, 5, 7)
EXPANSIONS = (1, 3)
ADDED = (1,)  # the value of a shortcut that adds the input; (0,) does not


@dataclass(frozen=True)
class Place:
    """The position and the shape of a block.

    Attributes:
        stage: the number of the stage.
        index: the number of the block in its stage; all but number 0 keep the shape.
        c_in: channels of its input.
        c_out: channels of its output.
        stride: 1 or 2.
    """

    stage: int
    index: int
    c_in: Size
    c_out: Size
    stride: int

    @property
    def prefix(self) -> str:
        """The prefix of the labels of the stage."""
        return f"s{self.stage}_"

    @property
    def every_second(self) -> bool:
        """Whether it is the second, fourth, ... block of the stage that keeps the shape."""
        return self.index > 0 and self.index % 2 == 0

    def after(self, blocks: int) -> Place:
        """Return the place ``blocks`` after this one in the stage."""
        if blocks == 0:
            return self
        return Place(self.stage, self.index + blocks, self.c_out, self.c_out, stride=1)


class MobileNetV1(SearchSpace):
    """MobileNet V1 without decisions, the baseline of the spaces below.

    The first block keeps the size of the images; the other four stages halve it, rounding up, so
    images of any size are supported.

    Args:
        spec: the shape of the data.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        dropout_rate: dropout rate before the classifier, in [0, 1).

    Raises:
        ValueError: ``width`` is not above 0, or ``dropout_rate`` is not in [0, 1).
    """

    channels_last: ClassVar[bool] = True
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"width": 0.25}}
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"width": 1.0}}
    layout: ClassVar[tuple[tuple[int, int, int], ...]] = STAGES

    def __init__(self, spec: DataSpec, *, width: float = 1.0, dropout_rate: float = 0.0) -> None:
        super().__init__(spec)
        check(width, dropout_rate)
        c: Size = scaled(STEM, width)
        self.stem = conv_bn_relu(spec.channels, c, 3)
        self.stages = nn.Sequential()
        for number, (channels, stride, _) in enumerate(self.layout):
            c_out = self.channels(number, channels, width)
            self.stages.append(self.stage(Place(number, 0, c, c_out, stride)))
            c = c_out
        self.classifier = classifier(c, spec.classes, dropout_rate)

    def channels(self, stage: int, channels: int, width: float) -> Size:
        """Return the channels of a stage at a width."""
        return scaled(channels, width)

    def stage(self, first: Place) -> nn.Module:
        """Return the stage that starts at ``first``."""
        _, _, blocks = self.layout[first.stage]
        return nn.Sequential(*(self.block(first.after(index)) for index in range(blocks)))

    def block(self, place: Place) -> nn.Module:
        """Return the block at a place."""
        return self.layers(place, kernel=3, expansion=1)

    def layers(self, place: Place, kernel: int, expansion: int) -> nn.Module:
        """Return the layers of a block.

        Args:
            place: the position of the block, with its channels and stride.
            kernel: an odd size.
            expansion: at least 1.
        """
        return separable(place.c_in, place.c_out, kernel, place.stride, expansion)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        logits: Tensor = self.classifier(self.stages(self.stem(x)))
        return logits


class MobileNet(MobileNetV1):
    """MobileNet V1 with the 13 blocks of the paper, four fewer than :class:`MobileNetV1`.

    For 32x32x3 images in ten classes it has 3,217,226 parameters.

    Args:
        spec: the shape of the data.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        dropout_rate: dropout rate before the classifier, in [0, 1).
    """

    layout = PAPER


class Shortcut(nn.Module):
    """Layers that keep the shape, with an optional shortcut around them."""

    def __init__(self, layers: nn.Module, label: str) -> None:
        super().__init__()
        self.layers = layers
        self.adds = InputChoice(2, n_chosen=1, label=label)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        out: Tensor = self.layers(x)
        if self.adds.frozen and self.adds.selected != ADDED:
            return out  # no unused sum
        joined: Tensor = self.adds([out, out + x])
        return joined


class MobileNetSkip(MobileNetV1):
    """MobileNet V1 with six optional shortcuts: 2^6 architectures.

    Twelve blocks keep width and size. For every second of them, a decision adds the input to the
    output (``[1]``) or not (``[0]``). The labels are ``s1_skip2``, ``s2_skip2``, ``s3_skip2``,
    ``s3_skip4``, ``s3_skip6`` and ``s4_skip2``.

    Args:
        spec: the shape of the data.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        dropout_rate: dropout rate before the classifier, in [0, 1).
    """

    def layers(self, place: Place, kernel: int, expansion: int) -> nn.Module:
        """Return the layers of a block, every second one with an optional shortcut."""
        plain = super().layers(place, kernel, expansion)
        label = f"{place.prefix}skip{place.index}"
        return Shortcut(plain, label) if place.every_second else plain


class MobileNetOps(MobileNetV1):
    """MobileNet V1 with a kernel and an expansion for each block: 7^12 * 6^5 architectures.

    ``k5e3`` is a block with kernel 5 and an expansion of 3, that is, a 1x1 convolution in front
    that triples the channels. Kernels are 3, 5 and 7, expansions 1 and 3; ``k3e1`` is the block
    of MobileNet V1. The twelve blocks that keep the shape can also be skipped (``skip``).

    Args:
        spec: the shape of the data.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        dropout_rate: dropout rate before the classifier, in [0, 1).
    """

    def block(self, place: Place) -> nn.Module:
        """Return the choice of operation at a place."""
        candidates: dict[str, Callable[[], nn.Module]] = {
            f"k{kernel}e{expansion}": partial(self.layers, place, kernel, expansion)
            for expansion in EXPANSIONS
            for kernel in KERNELS
        }
        if place.index > 0:
            candidates["skip"] = nn.Identity
        return LayerChoice(candidates, label=f"{place.prefix}i{place.index}")


class MobileNetFull(MobileNetOps, MobileNetSkip):
    """MobileNet V1 with operations, shortcuts, and a width and a depth for each stage.

    ``s1_width`` multiplies the channels of a stage by 0.5, 0.75 or 1, in addition to the argument
    ``width``. ``s1_depth`` is the number of blocks of a stage, from 1 to that of MobileNet V1.
    Decisions of blocks that a shallow stage lacks, and shortcuts of skipped blocks, are inactive.
    Since a block can also be skipped in a deep stage, different architectures can be the same
    network. In a supernet, widths slice shared weights.

    Args:
        spec: the shape of the data.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        dropout_rate: dropout rate before the classifier, in [0, 1).
    """

    def channels(self, stage: int, channels: int, width: float) -> Size:
        """Return the channels of a stage at a width, under a choice of multiplier."""
        return scaled_by_choice(channels, width, stage)

    def stage(self, first: Place) -> nn.Module:
        """Return a stage with a choice of depth, unless it has a single block."""
        _, _, blocks = self.layout[first.stage]
        if blocks == 1:
            return super().stage(first)
        return Repeat(
            lambda index: self.block(first.after(index)),
            depth=(1, blocks),
            label=f"{first.prefix}depth",
        )
