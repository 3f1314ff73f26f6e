"""MobileNet V1 (Howard et al., arXiv 1704.04861) for small images, and spaces around it.

The network has a stem, five stages of depthwise-separable blocks, and a linear classifier. The
first block of a stage sets its channels and its stride, the others keep the shape. Labels start
with stage and block, counted from 0: ``s3_i2`` is the third block of the fourth stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from nasbench.space import DataSpec, InputChoice, LayerChoice, Repeat, SearchSpace, ValueChoice
from search_spaces.layers import check, classifier, conv_bn_relu, scaled, separable

STEM = 32
STAGES = (  # channels, stride of the first block, blocks; at 32x32 images:
    (64, 1, 1),  # 32x32
    (128, 2, 3),  # 16x16
    (256, 2, 3),  # 8x8
    (512, 2, 7),  # 4x4
    (1024, 2, 3),  # 2x2
)
PAPER = (  # as in the paper's table 1; the reports' networks above are deeper by four blocks
    (64, 1, 1),
    (128, 2, 2),
    (256, 2, 2),
    (512, 2, 6),
    (1024, 2, 2),
)
KERNELS = (3, 5, 7)
EXPANSIONS = (1, 3)
MULTIPLIERS = (0.5, 0.75, 1.0)
ADDED = (1,)  # the value of a shortcut's decision that adds the input; (0,) leaves it out


@dataclass(frozen=True)
class Place:
    """Where a block stands, and the shape it is to have.

    Attributes:
        stage: the stage's number.
        index: the block's number in its stage; all but number 0 keep the shape.
        c_in: channels of its input.
        c_out: channels of its output.
        stride: 1 or 2.
    """

    stage: int
    index: int
    c_in: int
    c_out: int
    stride: int

    @property
    def prefix(self) -> str:
        """What the labels of the stage start with."""
        return f"s{self.stage}_"

    @property
    def every_second(self) -> bool:
        """Whether it is the second, fourth, ... of the stage's blocks that keep the shape."""
        return self.index > 0 and self.index % 2 == 0

    def after(self, blocks: int) -> Place:
        """Return the place so many blocks behind this one in its stage."""
        if blocks == 0:
            return self
        return Place(self.stage, self.index + blocks, self.c_out, self.c_out, stride=1)


class MobileNetV1(SearchSpace):
    """MobileNet V1 itself: no decisions, a single architecture, the baseline of the spaces below.

    The block behind the stem keeps the size; four stages halve it, rounding up, so that images of
    any size will do.

    Args:
        spec: the data's shape.
        width: factor of all channels, which are rounded to a multiple of 8, at least 8.
        dropout_rate: dropout rate before the classifier, in [0, 1).

    Raises:
        ValueError: ``width`` is not above 0, or ``dropout_rate`` not in [0, 1).
    """

    channels_last: ClassVar[bool] = True
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"width": 0.25}}
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"width": 1.0}}
    layout: ClassVar[tuple[tuple[int, int, int], ...]] = STAGES

    def __init__(self, spec: DataSpec, *, width: float = 1.0, dropout_rate: float = 0.0) -> None:
        super().__init__(spec)
        check(width, dropout_rate)
        c = scaled(STEM, width)
        self.stem = conv_bn_relu(spec.channels, c, 3)
        self.stages = nn.Sequential()
        for number, (channels, stride, _) in enumerate(self.layout):
            c_out = scaled(channels, width * self.multiplier(number))
            self.stages.append(self.stage(Place(number, 0, c, c_out, stride)))
            c = c_out
        self.classifier = classifier(c, spec.classes, dropout_rate)

    def multiplier(self, stage: int) -> float:
        """Return what multiplies the channels of a stage beside ``width``."""
        return 1.0

    def stage(self, first: Place) -> nn.Module:
        """Return the stage that starts at ``first``."""
        _, _, blocks = self.layout[first.stage]
        return nn.Sequential(*(self.block(first.after(index)) for index in range(blocks)))

    def block(self, place: Place) -> nn.Module:
        """Return the block at a place."""
        return self.layers(place, kernel=3, expansion=1)

    def layers(self, place: Place, kernel: int, expansion: int) -> nn.Module:
        """Return a block's layers."""
        return separable(place.c_in, place.c_out, kernel, place.stride, expansion)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        logits: Tensor = self.classifier(self.stages(self.stem(x)))
        return logits


class MobileNet(MobileNetV1):
    """MobileNet V1 with the paper's 13 blocks, four fewer than :class:`MobileNetV1` has here.

    At 32x32x3 images in ten classes it has 3,217,226 parameters.
    """

    layout = PAPER


class Shortcut(nn.Module):
    """Layers that keep the shape, and the decision whether their input is added to the output."""

    def __init__(self, layers: nn.Module, label: str) -> None:
        super().__init__()
        self.layers = layers
        self.adds = InputChoice(2, n_chosen=1, label=label)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        out: Tensor = self.layers(x)
        if self.adds.frozen and self.adds.selected != ADDED:
            return out  # without a sum that nobody asked for
        joined: Tensor = self.adds([out, out + x])
        return joined


class MobileNetSkip(MobileNetV1):
    """64 networks: MobileNet V1 with six shortcuts, each there or not.

    Twelve blocks keep width and size. Every second of them decides whether its input is added to
    its output (``[1]``) or not (``[0]``), under the labels ``s1_skip2``, ``s2_skip2``,
    ``s3_skip2``, ``s3_skip4``, ``s3_skip6`` and ``s4_skip2``.
    """

    def layers(self, place: Place, kernel: int, expansion: int) -> nn.Module:
        """Return a block's layers, every second time with a shortcut to decide."""
        plain = super().layers(place, kernel, expansion)
        label = f"{place.prefix}skip{place.index}"
        return Shortcut(plain, label) if place.every_second else plain


class MobileNetOps(MobileNetV1):
    """7^12 * 6^5 networks: every block of MobileNet V1 decides its kernel and expansion.

    ``k5e3`` is a block of kernel 5 whose 1x1 convolution in front triples the channels. Kernels
    are 3, 5 and 7, expansions 1 and 3; ``k3e1`` is the block of MobileNet V1. The twelve blocks
    that keep the shape may also be left out (``skip``).
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
    """Operations and shortcuts, and for each stage its width and its depth.

    ``s1_width`` multiplies a stage's channels by 0.5, 0.75 or 1, beside the argument ``width``;
    ``s1_depth`` is the stage's number of blocks, from 1 to that of MobileNet V1. What a shallow
    stage has no block for, and the shortcut of a skipped block, is not decided at all. Since a
    block can be skipped in a deep stage too, different architectures may be the same network.
    """

    def multiplier(self, stage: int) -> float:
        """Return the decided multiplier of a stage."""
        choice = ValueChoice(MULTIPLIERS, label=f"s{stage}_width")
        self.add_module(choice.label, choice)
        return float(choice.value)

    def stage(self, first: Place) -> nn.Module:
        """Return a stage of a decided depth; a single block is always there."""
        _, _, blocks = self.layout[first.stage]
        if blocks == 1:
            return super().stage(first)
        return Repeat(
            lambda index: self.block(first.after(index)),
            depth=(1, blocks),
            label=f"{first.prefix}depth",
        )
