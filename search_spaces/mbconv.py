"""Spaces of inverted residuals: NAS-Bench-Macro, and the space of ProxylessNAS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from nasbench.interop import macro
from nasbench.space import Arch, DataSpec, LayerChoice, SearchSpace
from search_spaces.layers import InvertedResidual, check, classifier, conv_bn_relu, scaled

Factory = Callable[[], nn.Module]
Shapes = Mapping[str, tuple[int, int]]  # a candidate's name to its kernel and expansion

MACRO: Shapes = {"mb3_k3": (3, 3), "mb6_k5": (5, 6)}
MACRO_STAGES = ((64, 2), (128, 3), (256, 3))  # channels, layers

PROXYLESS: Shapes = {f"k{k}e{e}": (k, e) for e in (3, 6) for k in (3, 5, 7)}
PROXYLESS_STAGES = (  # channels, stride, blocks; at 32x32 images:
    (24, 1, 4),  # 32x32
    (40, 2, 4),  # 16x16
    (80, 2, 4),  # 8x8
    (96, 1, 4),
    (192, 2, 4),  # 4x4
    (320, 1, 1),
)


def inverted(shapes: Shapes, c_in: int, c_out: int, stride: int) -> dict[str, Factory]:
    """Return the inverted residuals of the given kernels and expansions, by name.

    Args:
        shapes: the name of each candidate to its kernel and expansion.
        c_in: input channels.
        c_out: output channels.
        stride: 1 or 2.
    """
    return {
        name: partial(InvertedResidual, c_in, c_out, kernel, stride, expansion)
        for name, (kernel, expansion) in shapes.items()
    }


class MacroSpace(SearchSpace):
    """NAS-Bench-Macro (Su et al., CVPR 2021): 3^8 architectures.

    Three stages have 2, 3 and 3 layers with 64, 128 and 256 channels; the first layer of each has
    stride 2. ``mb3_k3`` is an inverted residual of kernel 3 and expansion 3, ``mb6_k5`` of kernel
    5 and expansion 6. An identity of stride 2 is a 1x1 convolution with BN. With CIFAR-10 and
    width 1, parameters and multiply-adds equal ``params`` and ``flops`` of the benchmark.

    Args:
        spec: the shape of the data.
        width: factor of all channels, above 0; they are rounded to a multiple of 8, at least 8.

    Raises:
        ValueError: ``width`` is not above 0.
    """

    channels_last: ClassVar[bool] = True
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"width": 0.25}}
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"width": 1.0}}

    def __init__(self, spec: DataSpec, *, width: float = 1.0) -> None:
        super().__init__(spec)
        check(width)
        c, last = scaled(32, width), scaled(1280, width)
        self.stem = conv_bn_relu(spec.channels, c, 3)
        self.layers = nn.Sequential()
        for channels, layers in MACRO_STAGES:
            c_out = scaled(channels, width)
            for stride in (2, *[1] * (layers - 1)):
                identity: Factory = nn.Identity
                if stride == 2:
                    identity = partial(conv_bn_relu, c, c_out, 1, stride, relu=False)
                candidates = {"identity": identity, **inverted(MACRO, c, c_out, stride)}
                self.layers.append(LayerChoice(candidates, label=f"layer{len(self.layers)}"))
                c = c_out
        self.head = conv_bn_relu(c, last, 1)
        self.classifier = classifier(last, spec.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        logits: Tensor = self.classifier(self.head(self.layers(self.stem(x))))
        return logits

    @classmethod
    def text(cls, arch: Arch) -> str:
        """Return the architecture as in the benchmark's table, eight digits."""
        return macro.digits_of(arch)


class Proxyless(SearchSpace):
    """The MBConv space of ProxylessNAS (Cai et al., ICLR 2019), for small images.

    A stem and a fixed block of 16 channels are followed by stages 2 to 7 with 24, 40, 80, 96, 192
    and 320 channels; the last has one block, the others have four. Each block has a choice of
    kernel (3, 5, 7) and expansion (3, 6): ``{"s2_i0": "k3e6", ...}``. As in the paper, ``skip``
    reduces the depth of a stage; only the first block of a stage lacks it. There are 6^6 * 7^15
    architectures.

    The paper halves 224x224 images five times: in the stem and in stages 2, 3, 4 and 6. Here the
    stem and stage 2 keep the size, so 32x32 images end as 4x4. ReLU replaces ReLU6.

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

    def __init__(self, spec: DataSpec, *, width: float = 1.0, dropout_rate: float = 0.0) -> None:
        super().__init__(spec)
        check(width, dropout_rate)
        stem, c, last = (scaled(channels, width) for channels in (32, 16, 1280))
        self.stem = nn.Sequential(
            conv_bn_relu(spec.channels, stem, 3),
            InvertedResidual(stem, c, 3, stride=1, expansion=1),
        )
        self.blocks = nn.Sequential()
        for stage, (channels, stride, blocks) in enumerate(PROXYLESS_STAGES, 2):
            c_out = scaled(channels, width)
            for index in range(blocks):
                candidates = inverted(PROXYLESS, c, c_out, stride if index == 0 else 1)
                if index > 0:
                    candidates["skip"] = nn.Identity
                self.blocks.append(LayerChoice(candidates, label=f"s{stage}_i{index}"))
                c = c_out
        self.head = conv_bn_relu(c, last, 1)
        self.classifier = classifier(last, spec.classes, dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        logits: Tensor = self.classifier(self.head(self.blocks(self.stem(x))))
        return logits
