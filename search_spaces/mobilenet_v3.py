"""The space of once-for-all around MobileNetV3-Large, with elastic kernels, widths and depths.

Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR
2020; Howard et al., "Searching for MobileNetV3", ICCV 2019. Labels start with the stage and the
block, counted from 1 and 0: ``s1_i0`` is the first block of the first searched stage.

Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from nasbench.nn import BatchNorm2d, Conv2d, Linear
from nasbench.space import (
    DataSpec,
    Repeat,
    SearchSpace,
    Size,
    ValueChoice,
    divisible,
)
from search_spaces.layers import check, scaled, scaled_by_choice

STEM = 16
STAGES = (  # channels, stride, squeeze and excitation, h-swish; at 224x224 images:
    (24, 2, False, False),  # 56x56
    (40, 2, True, False),  # 28x28
    (80, 2, False, True),  # 14x14
    (112, 1, True, True),
    (160, 2, True, True),  # 7x7
)
HEAD = (960, 1280)
KERNELS = (3, 5, 7)
EXPANSIONS = (3, 4, 6)
DEPTHS = (2, 4)
HALVINGS = 5  # of the paper: in the stem and in four stages


@dataclass(frozen=True)
class Kind:
    """What the blocks of a stage have in common.

    Attributes:
        squeezes: whether they have squeeze and excitation.
        swish: whether they have h-swish in place of ReLU.
    """

    squeezes: bool
    swish: bool

    def activation(self) -> nn.Module:
        """Return the activation."""
        return nn.Hardswish(inplace=True) if self.swish else nn.ReLU(inplace=True)


class Squeeze(nn.Module):
    """Squeeze and excitation with ReLU and h-sigmoid (MobileNetV3, section 5.3).

    Args:
        channels: of the input and the output.
    """

    def __init__(self, channels: Size) -> None:
        super().__init__()
        inner = divisible(channels // 4)
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            Conv2d(channels, inner, 1),
            nn.ReLU(inplace=True),
            Conv2d(inner, channels, 1),
            nn.Hardsigmoid(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        weighted: Tensor = x * self.layers(x)
        return weighted


class Bottleneck(nn.Module):
    """The inverted residual of MobileNetV3.

    Args:
        c_in: input channels.
        c_out: output channels.
        hidden: channels of the depthwise convolution; ``None`` for those of the input, without
            the convolution in front.
        kernel: an odd size.
        stride: 1 or 2.
        kind: of the stage.
        adds: whether the input is added to the output, which has the same shape.
        kernel_transform: see :func:`nasbench.nn.Conv2d`.
    """

    def __init__(
        self,
        c_in: Size,
        c_out: Size,
        hidden: Size | None,
        kernel: int | ValueChoice,
        stride: int,
        kind: Kind,
        adds: bool,
        kernel_transform: bool = False,
    ) -> None:
        super().__init__()
        c = c_in if hidden is None else hidden
        layers: list[nn.Module] = []
        if hidden is not None:
            layers += [Conv2d(c_in, c, 1, bias=False), BatchNorm2d(c), kind.activation()]
        padding = kernel // 2
        layers += [
            Conv2d(
                *(c, c, kernel, stride, padding),
                groups=c,
                bias=False,
                kernel_transform=kernel_transform,
            ),
            BatchNorm2d(c),
            kind.activation(),
        ]
        if kind.squeezes:
            layers.append(Squeeze(c))
        layers += [Conv2d(c, c_out, 1, bias=False), BatchNorm2d(c_out)]
        self.layers = nn.Sequential(*layers)
        self.adds = adds

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / stride), ceil(W / stride))``."""
        out: Tensor = self.layers(x)
        return x + out if self.adds else out


class MobileNetV3(SearchSpace):
    """The space of once-for-all: a kernel and an expansion for each block, a depth for each stage.

    A stem of 16 channels and a fixed block are followed by five stages of 24, 40, 80, 112 and 160
    channels with 2 to 4 blocks (``s1_depth``). ``s1_i0_kernel`` is 3, 5 or 7, and
    ``s1_i0_expansion`` 3, 4 or 6; the decisions of blocks that a shallow stage lacks are inactive.
    These are the (9^2 + 9^3 + 9^4)^5 architectures of the paper. With ``widths``, ``s1_width``
    also multiplies the channels of a stage by 0.5, 0.75 or 1, as in BigNAS (Yu et al., ECCV 2020).

    All decisions slice shared weights: the space is for one-shot and for sampled strategies.

    Args:
        spec: the shape of the data.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.
        widths: whether the width of each stage is a decision.
        halvings: how often the size of images is halved, from 0 to 5. The paper halves 224x224
            images five times: in the stem and in stages 1, 2, 3 and 5. The last ones stay, so that
            3 halvings make 4x4 of 32x32.
        kernel_transform: whether smaller kernels are learned maps of the larger ones' centers,
            as in the paper.
        dropout_rate: dropout rate before the last layer, in [0, 1).

    Raises:
        ValueError: an argument is out of its range.
    """

    channels_last: ClassVar[bool] = True
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"width": 0.5},
        "paper": {"halvings": HALVINGS},
    }
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"width": 1.0}}

    def __init__(
        self,
        spec: DataSpec,
        *,
        width: float = 1.0,
        widths: bool = True,
        halvings: int = 3,
        kernel_transform: bool = False,
        dropout_rate: float = 0.0,
    ) -> None:
        super().__init__(spec)
        check(width, dropout_rate)
        if not 0 <= halvings <= HALVINGS:
            raise ValueError(f"halvings={halvings}: must be in [0, {HALVINGS}]")
        self.kernel_transform = kernel_transform
        strides = [2, *(stride for _, stride, _, _ in STAGES)]
        first = [place for place, stride in enumerate(strides) if stride == 2]
        for place in first[: HALVINGS - halvings]:
            strides[place] = 1
        stem = scaled(STEM, width)
        plain = Kind(squeezes=False, swish=False)
        self.stem = nn.Sequential(
            Conv2d(spec.channels, stem, 3, strides[0], 1, bias=False),
            BatchNorm2d(stem),
            nn.Hardswish(inplace=True),
            Bottleneck(stem, stem, None, 3, 1, plain, adds=True),
        )
        self.stages = nn.Sequential()
        c: Size = stem
        for number, (channels, _, squeezes, swish) in enumerate(STAGES, 1):
            c_out = self.channels(number, channels, width) if widths else scaled(channels, width)
            kind, stride = Kind(squeezes, swish), strides[number]
            self.stages.append(self.stage(number, c, c_out, stride, kind))
            c = c_out
        last, mixed = (scaled(channels, width) for channels in HEAD)
        self.head = nn.Sequential(
            Conv2d(c, last, 1, bias=False),
            BatchNorm2d(last),
            nn.Hardswish(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            Linear(last, mixed, bias=False),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout_rate),
            nn.Linear(mixed, spec.classes),
        )

    def channels(self, stage: int, channels: int, width: float) -> Size:
        """Return the channels of a stage under a choice of multiplier."""
        return scaled_by_choice(channels, width, stage)

    def stage(self, number: int, c_in: Size, c_out: Size, stride: int, kind: Kind) -> nn.Module:
        """Return a stage with a choice of depth."""

        def block(index: int) -> nn.Module:
            label = f"s{number}_i{index}"
            expansion = ValueChoice(EXPANSIONS, label=f"{label}_expansion")
            kernel = ValueChoice(KERNELS, label=f"{label}_kernel")
            c = c_in if index == 0 else c_out
            return Bottleneck(
                *(c, c_out, c * expansion, kernel, stride if index == 0 else 1, kind),
                adds=index > 0,
                kernel_transform=self.kernel_transform,
            )

        return Repeat(block, depth=DEPTHS, label=f"s{number}_depth")

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        logits: Tensor = self.head(self.stages(self.stem(x)))
        return logits
