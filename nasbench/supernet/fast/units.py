"""The units that branches are made of, and what they compute in both passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from nasbench.supernet.fast import depthwise
from nasbench.supernet.fast.fitted import Fitted


@dataclass(frozen=True)
class Unit:
    """One step of a branch.

    Attributes:
        spatial: the depthwise convolution, if there is one.
        pointwise: the 1x1 convolution.
        norm: BN without parameters.
    """

    spatial: nn.Conv2d | None
    pointwise: nn.Conv2d
    norm: nn.BatchNorm2d

    @property
    def steps(self) -> tuple[int, int]:
        """Stride and dilation; where they agree, the input has no more than what is read."""
        assert self.spatial is not None
        stride, dilation = self.spatial.stride[0], self.spatial.dilation[0]
        return (1, 1) if stride == dilation else (stride, dilation)

    @property
    def parameters(self) -> list[Tensor]:
        """The weights, the depthwise ones first."""
        spatial = [] if self.spatial is None else [self.spatial.weight]
        return [*spatial, self.pointwise.weight]

    def apart(self, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """Return what the depthwise convolution makes of ``x``."""
        if self.spatial is None:
            return x
        return depthwise.forward(x, weights[0], *self.steps)

    def apart_gradients(
        self, grad: Tensor, x: Tensor, weights: Sequence[Tensor], learns: bool
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Return the gradients of the depthwise convolution's input and of its weights."""
        if self.spatial is None:
            return grad, []
        dx, dw = depthwise.backward(grad, x, weights[0], *self.steps, learns)
        return dx, [dw]


Branch = tuple[Unit, ...]


class Level:
    """The units at one place, counted from the end, of all branches that have one there.

    Args:
        units: one for each of some branches.
        weights: their weights, the depthwise ones first.
    """

    def __init__(self, units: Sequence[Unit], weights: Sequence[Sequence[Tensor]]) -> None:
        self.units, self.weights = units, weights
        self.fitted: Fitted

    def apart(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """Return what the depthwise convolutions make of their inputs."""
        triples = zip(self.units, xs, self.weights, strict=True)
        return [unit.apart(x, weights) for unit, x, weights in triples]

    def fit(self, apart: Sequence[Tensor], mixing: Tensor | None) -> None:
        """Learn BN's statistics, and move the running ones."""
        kernels = [weights[-1] for weights in self.weights]
        norms = [unit.norm for unit in self.units]
        self.fitted = Fitted([rows(x) for x in apart], kernels, mixing, norms[0].eps)
        self.fitted.track(norms)

    def relu(self, apart: Sequence[Tensor]) -> list[Tensor]:
        """Return the normalized products behind a ReLU, the next level's inputs."""
        made = [self.fitted.output(i, rows(x)).relu_() for i, x in enumerate(apart)]
        return [images(pixels, size_of(x)) for pixels, x in zip(made, apart, strict=True)]

    def gradients(
        self, xs: Sequence[Tensor], apart: list[Tensor], grads: Sequence[Tensor], learns: bool
    ) -> tuple[Tensor, list[Tensor], list[list[Tensor | None]]]:
        """Return the gradients of the mixing weights, the inputs and the parameters.

        Args:
            xs: the inputs.
            apart: what :meth:`apart` made of them; let go one after the other.
            grads: of the outputs, pixels ``(n, C)``.
            learns: whether the parameters' are wanted.
        """
        pixels = [rows(x) for x in apart]
        small = self.fitted.small_gradients(pixels, grads)
        d_inputs, d_parameters = [], []
        for i, (unit, weights, x) in enumerate(zip(self.units, self.weights, xs, strict=True)):
            d_pixels = self.fitted.pixel_gradient(i, pixels[i], grads[i], small)
            d_apart = images(d_pixels, size_of(apart[i]))
            dx, d_spatial = unit.apart_gradients(d_apart, x, weights, learns)
            d_matrix = small.matrices[i].t()[:, :, None, None] if learns else None
            d_inputs.append(dx)
            d_parameters.append([*d_spatial, d_matrix])
        return small.weights, d_inputs, d_parameters


def rows(x: Tensor) -> Tensor:
    """Return channels-last images ``(B, C, H, W)`` as pixels ``(B * H * W, C)``, a view."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def images(pixels: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Return pixels as channels-last images; ``size`` is ``(B, H, W)``."""
    return pixels.view(*size, -1).permute(0, 3, 1, 2)


def size_of(x: Tensor) -> tuple[int, int, int]:
    """Return B, H and W of images ``(B, C, H, W)``."""
    return x.shape[0], x.shape[2], x.shape[3]
