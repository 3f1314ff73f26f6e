"""Weighted sums of branches that store only the outputs of depthwise convolutions.

A branch is a chain of one or two units with a ReLU in between; a unit is a depthwise convolution,
a pointwise one and BN. The backward pass needs the inputs of each unit and the output of its
depthwise convolution. Outputs of pointwise convolutions and BN are never stored.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nasbench.supernet.fast import depthwise
from nasbench.supernet.fast.pointwise import Fitted


@dataclass(frozen=True)
class Unit:
    """One unit of a branch.

    Attributes:
        spatial: the depthwise convolution, or ``None``.
        pointwise: the 1x1 convolution.
        norm: BN without parameters.
    """

    spatial: nn.Conv2d | None
    pointwise: nn.Conv2d
    norm: nn.BatchNorm2d

    @property
    def steps(self) -> tuple[int, int]:
        """Stride and dilation; if they are equal, the input is subsampled already."""
        assert self.spatial is not None
        stride, dilation = self.spatial.stride[0], self.spatial.dilation[0]
        return (1, 1) if stride == dilation else (stride, dilation)

    @property
    def parameters(self) -> list[Tensor]:
        """The weights, depthwise first."""
        spatial = [] if self.spatial is None else [self.spatial.weight]
        return [*spatial, self.pointwise.weight]

    def apart(self, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """Return the output of the depthwise convolution."""
        if self.spatial is None:
            return x
        return depthwise.forward(x, weights[0], *self.steps)

    def apart_gradients(
        self, grad: Tensor, x: Tensor, weights: Sequence[Tensor], learns: bool
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Return the gradients of the depthwise convolution's input and of its weights.

        Args:
            grad: the gradient of its output, shape ``(B, C, H', W')``.
            x: its input, shape ``(B, C, H, W)``.
            weights: the weights of the unit, depthwise first.
            learns: whether the weights need a gradient; otherwise it is ``None``.
        """
        if self.spatial is None:
            return grad, []
        dx, dw = depthwise.backward(grad, x, weights[0], *self.steps, learns)
        return dx, [dw]


Branch = tuple[Unit, ...]


class Level:
    """The units at the same position, counted from the end, of several branches.

    Args:
        units: one for each branch.
        weights: their weights, depthwise first.
    """

    def __init__(self, units: Sequence[Unit], weights: Sequence[Sequence[Tensor]]) -> None:
        self.units, self.weights = units, weights
        self.fitted: Fitted

    def apart(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs of the depthwise convolutions."""
        triples = zip(self.units, xs, self.weights, strict=True)
        return [unit.apart(x, weights) for unit, x, weights in triples]

    def fit(self, apart: Sequence[Tensor], mixing: Tensor | None) -> None:
        """Compute the statistics of BN and update the running ones."""
        kernels = [weights[-1] for weights in self.weights]
        norms = [unit.norm for unit in self.units]
        self.fitted = Fitted([rows(x) for x in apart], kernels, mixing, norms[0].eps)
        self.fitted.track(norms)

    def relu(self, apart: Sequence[Tensor]) -> list[Tensor]:
        """Return the normalized products after a ReLU, the inputs of the next level."""
        made = [self.fitted.output(i, rows(x)).relu_() for i, x in enumerate(apart)]
        return [images(pixels, size_of(x)) for pixels, x in zip(made, apart, strict=True)]

    def gradients(
        self, xs: Sequence[Tensor], apart: list[Tensor], grads: Sequence[Tensor], learns: bool
    ) -> tuple[Tensor, list[Tensor], list[list[Tensor | None]]]:
        """Return the gradients of the mixing weights, the inputs and the parameters.

        Args:
            xs: the inputs.
            apart: their outputs of :meth:`apart`; released one by one.
            grads: of the outputs, pixels ``(n, C)``.
            learns: whether to compute the gradients of the parameters.
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


class Kept(NamedTuple):
    """The images that several branches store for the backward pass.

    Attributes:
        before: outputs of the depthwise convolutions in the first units of long branches.
        middles: inputs of the last units.
        apart: outputs of the depthwise convolutions in the last units.
    """

    before: list[Tensor]
    middles: list[Tensor]
    apart: list[Tensor]


class Branches:
    """Several branches, computed together.

    Args:
        branches: of one or two units each.
        weights: all parameters of each branch.
    """

    def __init__(self, branches: Sequence[Branch], weights: Sequence[Sequence[Tensor]]) -> None:
        cut = [len(branch[-1].parameters) for branch in branches]
        self.long = [i for i, branch in enumerate(branches) if len(branch) > 1]
        self.first = Level(
            [branches[i][0] for i in self.long], [weights[i][: -cut[i]] for i in self.long]
        )
        self.last = Level(
            [branch[-1] for branch in branches],
            [w[-n:] for w, n in zip(weights, cut, strict=True)],
        )

    def kept(self, tensors: Sequence[Tensor]) -> Kept:
        """Return the images stored by :meth:`sum` from the flat sequence of them."""
        cuts = len(self.long), len(self.long) + len(self.last.units)
        return Kept(*(list(tensors[a:b]) for a, b in itertools.pairwise((0, *cuts, None))))

    def sum(self, xs: Sequence[Tensor], mixing: Tensor) -> tuple[Tensor, Kept]:
        """Return the weighted sum of the branches as pixels, and the stored images."""
        middles, before = list(xs), []
        if self.long:
            before = self.first.apart([xs[i] for i in self.long])
            self.first.fit(before, None)
            for i, x in zip(self.long, self.first.relu(before), strict=True):
                middles[i] = x
        apart = self.last.apart(middles)
        self.last.fit(apart, mixing)
        total = self.last.fitted.biases.sum(0)
        total = torch.addmm(total, rows(apart[0]), self.last.fitted.scaled[0])
        for x, scaled in zip(apart[1:], self.last.fitted.scaled[1:], strict=True):
            total.addmm_(rows(x), scaled)
        return total, Kept(before, middles, apart)

    def gradients(
        self, xs: Sequence[Tensor], kept: Kept, grad: Tensor, learns: bool
    ) -> tuple[Tensor, list[Tensor], list[Tensor | None]]:
        """Return the gradients of the mixing weights, the inputs and all parameters.

        Args:
            xs: the branches' inputs.
            kept: the images stored by :meth:`sum`.
            grad: of the sum, pixels ``(n, C)``.
            learns: whether to compute the gradients of the parameters.
        """
        before, middles, apart = kept
        d_mixing, d_xs, last = self.last.gradients(middles, apart, [grad] * len(xs), learns)
        first: list[list[Tensor | None]] = []
        if self.long:
            masked = [
                rows(torch.ops.aten.threshold_backward(d_xs[i], middles[i], 0)) for i in self.long
            ]
            firsts = [xs[i] for i in self.long]
            _, d_firsts, first = self.first.gradients(firsts, before, masked, learns)
            for i, dx in zip(self.long, d_firsts, strict=True):
                d_xs[i] = dx
        own = dict(zip(self.long, first, strict=True))
        return d_mixing, d_xs, [d for i, rest in enumerate(last) for d in own.get(i, []) + rest]


class BranchSum(torch.autograd.Function):
    """The weighted sum of branches and of plain images."""

    @staticmethod
    def forward(
        ctx: Any,
        branches: Sequence[Branch],
        places: Sequence[int],
        weights: Tensor,
        *tensors: Tensor,
    ) -> Tensor:
        """Return the sum ``(B, C, H, W)``.

        Args:
            ctx: the context of autograd.
            branches: of one or two units, with pointwise kernels of the same shape.
            places: for each branch, the index of its input among ``tensors``.
            weights: of the branches and then of the plain images, shape ``(n,)``.
            tensors: the branches' inputs ``(B, K, H, W)``, all branches' parameters, then the
                plain images ``(B, C, H', W')``; all images channels-last.
        """
        count, n = max(places, default=-1) + 1, len(branches)
        inputs, rest = tensors[:count], iter(tensors[count:])
        own = [[next(rest) for unit in branch for _ in unit.parameters] for branch in branches]
        plain = list(rest)
        total: Tensor | None = None
        size = size_of(plain[0]) if plain else (0, 0, 0)
        ctx.branches = Branches(branches, own)
        kept = Kept([], [], [])
        if n:
            total, kept = ctx.branches.sum([inputs[place] for place in places], weights[:n])
            size = size_of(kept.apart[0])
        for image, weight in zip(plain, weights[n:].tolist(), strict=True):
            pixels = rows(image)
            total = pixels * weight if total is None else total.add_(pixels, alpha=weight)
        assert total is not None
        ctx.places, ctx.count, ctx.parameters = places, count, sum(map(len, own))
        if not ctx.needs_input_grad[2]:
            plain = []
        ctx.plain = len(plain)
        ctx.save_for_backward(weights, *inputs, *plain, *itertools.chain(*kept))
        return images(total, size)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradients of weights, inputs, parameters and plain images.

        Raises:
            RuntimeError: a second derivative is requested.
        """
        if torch.is_grad_enabled():  # torch's own check misses some cases
            raise RuntimeError("fast sums have no second derivative: set Mixture.fast = False")
        places, count = ctx.places, ctx.count
        weights, *saved = ctx.saved_tensors
        inputs, plain, kept = saved[:count], saved[count:][: ctx.plain], saved[count + ctx.plain :]
        learns = any(ctx.needs_input_grad[3 + count : 3 + count + ctx.parameters])
        grad = grad.contiguous(memory_format=torch.channels_last)
        d_inputs: list[Tensor | None] = [None] * count
        d_weights, d_parameters = [weights.new_empty(0)], []
        if places:
            xs = [inputs[place] for place in places]
            d_mixing, d_xs, d_parameters = ctx.branches.gradients(
                xs, ctx.branches.kept(kept), rows(grad), learns
            )
            d_weights.append(d_mixing)
            for place, dx in zip(places, d_xs, strict=True):
                held = d_inputs[place]
                d_inputs[place] = dx if held is None else held.add_(dx)
        if plain:
            d_weights.append(torch.stack([(grad * image).sum() for image in plain]))
        d_plain = [grad * weight for weight in weights[len(places) :].tolist()]
        wanted = torch.cat(d_weights) if ctx.needs_input_grad[2] else None
        return None, None, wanted, *d_inputs, *d_parameters, *d_plain
