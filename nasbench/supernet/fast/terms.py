"""Candidates as parts of a sum: branches of known units, or plain images.

A candidate is taken apart into its layers. What is known is computed in the fast way; anything
else is called as it is, behind a ReLU that is shared.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.nn.drop_path import DropPath
from nasbench.supernet.fast.features import Features
from nasbench.supernet.fast.units import Branch, Unit

POOLS = (["pool"], ["pool", "norm"])


class Candidate:
    """A candidate's layers, and the pattern that they follow.

    Attributes:
        branch: its units, where it is a chain of them behind a ReLU; else empty.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.layers = _layers(module)
        self.kinds = [_kind(layer) for layer in self.layers]
        self.branch = _units(self.layers, self.kinds)

    def image(self, features: Features) -> Tensor:
        """Return what a candidate that is no branch makes of a state."""
        if not self.layers:
            return features.state
        pool, *norm = self.layers
        if isinstance(pool, nn.MaxPool2d | nn.AvgPool2d) and self.kinds in POOLS:
            return features.normalized(pool, *_norms(norm)) if norm else features.pooled(pool)
        if self.kinds[0] == "relu":
            behind: Tensor = nn.Sequential(*self.layers[1:])(features.relu())
            return behind
        output: Tensor = self.module(features.state)
        return output


def _units(layers: list[nn.Module], kinds: list[str]) -> Branch:
    """Return the units of a branch; none where the layers are something else."""
    units = []
    while kinds:
        spatial = kinds[1:2] == ["depthwise"]
        if kinds[: 3 + spatial] != ["relu", *["depthwise"] * spatial, "pointwise", "norm"]:
            return ()
        convolutions = [m for m in layers[: 3 + spatial] if isinstance(m, nn.Conv2d)]
        (norm,) = _norms(layers[: 3 + spatial])
        units.append(Unit(convolutions[0] if spatial else None, convolutions[-1], norm))
        layers, kinds = layers[3 + spatial :], kinds[3 + spatial :]
    alike = len({(unit.pointwise.weight.shape, unit.norm.eps) for unit in units}) == 1
    return tuple(units) if alike and len(units) <= 2 else ()


def _norms(layers: list[nn.Module]) -> list[nn.BatchNorm2d]:
    return [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]


def _layers(module: nn.Module) -> list[nn.Module]:
    """Return the layers of nested ``Sequential``s in their order; idle ones are left out."""
    if isinstance(module, nn.Sequential):
        return [layer for part in module for layer in _layers(part)]
    # Drop-path is for the training of plain networks; a supernet's stays at 0.
    idle = isinstance(module, nn.Identity) or (isinstance(module, DropPath) and module.p == 0)
    return [] if idle else [module]


def _kind(layer: nn.Module) -> str:
    """Return what the patterns call a layer; ``""`` for what they do not know."""
    if type(layer) is nn.ReLU:
        return "relu"
    if type(layer) is nn.BatchNorm2d:
        return "norm" if not layer.affine and layer.track_running_stats else ""
    if type(layer) in (nn.MaxPool2d, nn.AvgPool2d):
        return "pool"
    return _convolution(layer) if type(layer) is nn.Conv2d else ""


def _convolution(layer: nn.Conv2d) -> str:
    """Return ``depthwise`` or ``pointwise`` for one that the fast way covers."""
    kernel, dilation = layer.kernel_size, layer.dilation
    padding = tuple(d * (k // 2) for d, k in zip(dilation, kernel, strict=True))
    odd = kernel[0] == kernel[1] and kernel[0] % 2 == 1 and dilation[0] == dilation[1]
    if layer.bias is not None or layer.padding != padding or not odd:
        return ""
    square = layer.stride[0] == layer.stride[1] and layer.padding_mode == "zeros"
    if layer.groups == layer.in_channels == layer.out_channels and square:
        return "depthwise"
    plain = kernel == (1, 1) and layer.stride == (1, 1) and layer.groups == 1
    return "pointwise" if plain else ""


def fits(state: Tensor) -> bool:
    """Return whether the fast way takes a state: float images on a CPU, channels-last."""
    return (
        state.device.type == "cpu"
        and state.dim() == 4
        and not torch.is_autocast_enabled("cpu")
        and state.is_contiguous(memory_format=torch.channels_last)
    )
