"""Weighted sums of branches that store only the outputs of depthwise convolutions.

A branch is a chain of one or two units with a ReLU in between; a unit is a depthwise convolution,
a pointwise one and BN. The backward pass needs the inputs of each unit and the output of its
depthwise convolution. Outputs of pointwise convolutions and BN are never stored.

Branches of the same kernels on small images come in bundles, side by side in the channels of one
tensor: there a call costs more than its arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nasbench.supernet.fast import depthwise
from nasbench.supernet.fast.pointwise import FittedBundles


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

    @cached_property
    def steps(self) -> tuple[int, int]:
        """Stride and dilation; if they are equal, the input is subsampled already."""
        assert self.spatial is not None
        stride, dilation = self.spatial.stride[0], self.spatial.dilation[0]
        return (1, 1) if stride == dilation else (stride, dilation)

    @cached_property
    def kind(self) -> tuple[int, ...]:
        """Kernel, stride and dilation, which are the same within a bundle."""
        return () if self.spatial is None else (self.spatial.kernel_size[0], *self.steps)

    @cached_property
    def compiles(self) -> bool:
        """Whether there are compiled loops for its layers, whose weights are apart."""
        if self.spatial is None:
            return False
        k, (_, dilation) = self.spatial.kernel_size[0], self.steps
        channels, inputs = self.pointwise.weight.shape[:2]
        tracked = self.norm.running_mean is not None and self.norm.num_batches_tracked is not None
        return tracked and k in (3, 5) and dilation <= 2 and channels == inputs

    @cached_property
    def count(self) -> int:
        """The number of its parameters."""
        return len(self.parameters)

    @property
    def parameters(self) -> list[Tensor]:
        """The weights, depthwise first."""
        spatial = [] if self.spatial is None else [self.spatial.weight]
        return [*spatial, self.pointwise.weight]


Branch = tuple[Unit, ...]


Parameters = Sequence[Sequence[Tensor]]
"""All parameters of each unit of a branch, depthwise first."""


class Bundle(NamedTuple):
    """Branches of the same kinds of units, computed side by side.

    Attributes:
        branches: at least one.
        places: the indices of their inputs, which are of the same shape.
    """

    branches: tuple[Branch, ...]
    places: tuple[int, ...]


class Level:
    """The units at the same position, counted from the end, of several bundles.

    Args:
        units: of each bundle.
        weights: the weights of every unit of each bundle, depthwise first.
    """

    def __init__(
        self, units: Sequence[Sequence[Unit]], weights: Sequence[Sequence[Sequence[Tensor]]]
    ) -> None:
        self.units = units
        self.kernels = [own[-1] for bundle in weights for own in bundle]
        self.spatial = [
            _together([own[0] for own in bundle], 0) if same[0].spatial else None
            for same, bundle in zip(units, weights, strict=True)
        ]
        self.counts = [len(bundle) for bundle in units]
        self.fitted: FittedBundles

    def apart(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs of the depthwise convolutions."""
        triples = zip(self.units, xs, self.spatial, strict=True)
        return [
            x if weight is None else depthwise.forward(x, weight, *units[0].steps)
            for units, x, weight in triples
        ]

    def fit(self, apart: Sequence[Tensor], mixing: Tensor | None) -> None:
        """Compute the statistics of BN and update the running ones."""
        norms = [unit.norm for bundle in self.units for unit in bundle]
        self.fitted = FittedBundles(
            [rows(x) for x in apart], self.counts, self.kernels, mixing, norms[0].eps
        )
        self.fitted.track(norms)

    def sum(self, apart: Sequence[Tensor]) -> Tensor:
        """Return the sum of the normalized products as pixels ``(n, C)``."""
        return self.fitted.sum([rows(x) for x in apart])

    def relu(self, apart: Sequence[Tensor]) -> list[Tensor]:
        """Return the normalized products after a ReLU, the inputs of the next level."""
        made = self.fitted.outputs([rows(x) for x in apart])
        return [images(y.relu_(), size_of(x)) for y, x in zip(made, apart, strict=True)]

    def gradients(
        self,
        xs: Sequence[Tensor],
        apart: Sequence[Tensor],
        grads: Sequence[Tensor | None],
        wanted: Sequence[bool],
        learns: bool,
    ) -> tuple[Tensor, list[Tensor | None], list[list[Tensor]]]:
        """Return the gradients of the mixing weights, the inputs and the parameters.

        Args:
            xs: the inputs of each bundle.
            apart: their outputs of :meth:`apart`.
            grads: of the outputs as pixels, shape ``(n, m C)`` or ``(n, C)``; ``None`` for 0.
            wanted: whether a bundle's inputs need a gradient; it is ``None`` otherwise.
            learns: whether to compute the gradients of the parameters, a list for each unit.
        """
        pixels = [rows(x) for x in apart]
        small = self.fitted.small_gradients(pixels, grads)
        d_inputs: list[Tensor | None] = []
        d_parameters: list[list[Tensor]] = []
        for i, (x, weight, grad) in enumerate(zip(xs, self.spatial, grads, strict=True)):
            dx: Tensor | None = None
            d_spatial: Tensor | None = None
            if grad is not None and (wanted[i] or (learns and weight is not None)):
                d_pixels = self.fitted.pixel_gradient(i, pixels[i], grad, small)
                dx = images(d_pixels, size_of(apart[i]))
                if weight is not None:
                    steps = self.units[i][0].steps
                    dx, d_spatial = depthwise.backward(dx, x, weight, *steps, wanted[i], learns)
            d_inputs.append(dx)
            if learns:
                parts = () if d_spatial is None else d_spatial.chunk(len(self.units[i]))
                d_parameters += [[part] for part in parts] or [[] for _ in self.units[i]]
        if learns:
            matrices = small.matrices.transpose(1, 2).contiguous()[:, :, :, None, None]
            for own, matrix in zip(d_parameters, matrices.unbind(), strict=True):
                own.append(matrix)
        return small.weights, d_inputs, d_parameters


def _together(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Return the parts along a dimension; a single one as it is."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim)


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
    """The images that several bundles store for the backward pass.

    Attributes:
        before: outputs of the depthwise convolutions in the first units of long branches.
        middles: inputs of the last units of long branches.
        apart: outputs of the depthwise convolutions in the last units.
    """

    before: list[Tensor]
    middles: list[Tensor]
    apart: list[Tensor]


class Branches:
    """Several bundles of branches, computed together.

    Args:
        bundles: of branches of one or two units each; none for plain images alone.
        weights: the parameters of each branch.
    """

    def __init__(self, bundles: Sequence[Bundle], weights: Iterable[Parameters]) -> None:
        flat = iter(weights)
        own = [[next(flat) for _ in bundle.branches] for bundle in bundles]
        pairs = list(zip(bundles, own, strict=True))
        self.bundles = bundles
        self.long = [i for i, bundle in enumerate(bundles) if len(bundle.branches[0]) > 1]
        self.first = Level(
            [[branch[0] for branch in bundles[i].branches] for i in self.long],
            [[weights[0] for weights in own[i]] for i in self.long],
        )
        self.last = Level(
            [[branch[-1] for branch in bundle.branches] for bundle, _ in pairs],
            [[weights[-1] for weights in bundle] for _, bundle in pairs],
        )

    def _beside(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the inputs of each bundle side by side."""
        made: dict[tuple[int, ...], Tensor] = {}
        for _, places in self.bundles:
            if places not in made:
                made[places] = _together([inputs[place] for place in places], 1)
        return [made[bundle.places] for bundle in self.bundles]

    def kept(self, tensors: Sequence[Tensor]) -> Kept:
        """Return the images stored by :meth:`sum` from the flat sequence of them."""
        cuts = len(self.long), 2 * len(self.long)
        return Kept(*(list(tensors[a:b]) for a, b in itertools.pairwise((0, *cuts, None))))

    def sum(
        self, inputs: Sequence[Tensor], mixing: Tensor, plain: Sequence[Tensor]
    ) -> tuple[Tensor, Kept]:
        """Return the weighted sum of branches and plain images, and the stored images.

        Args:
            inputs: of the branches.
            mixing: the weights of the branches and then of the plain images, shape ``(n,)``.
            plain: images as large as the branches' outputs.
        """
        total: Tensor | None = None
        kept = Kept([], [], [])
        size = size_of(plain[0]) if plain else (0, 0, 0)
        m = len(mixing) - len(plain)
        if m:
            total, kept = self._sum(inputs, mixing[:m])
            size = size_of(kept.apart[0])
        for image, weight in zip(plain, mixing[m:].tolist(), strict=True):
            pixels = rows(image)
            total = pixels * weight if total is None else total.add_(pixels, alpha=weight)
        assert total is not None
        return images(total, size), kept

    def _sum(self, inputs: Sequence[Tensor], mixing: Tensor) -> tuple[Tensor, Kept]:
        """Return the weighted sum of the branches as pixels, and the stored images."""
        xs, before, middles = self._beside(inputs), [], []
        if self.long:
            before = self.first.apart([xs[i] for i in self.long])
            self.first.fit(before, None)
            middles = self.first.relu(before)
            for i, x in zip(self.long, middles, strict=True):
                xs[i] = x
        apart = self.last.apart(xs)
        self.last.fit(apart, mixing)
        return self.last.sum(apart), Kept(before, middles, apart)

    def gradients(
        self,
        inputs: Sequence[Tensor],
        plain: Sequence[Tensor],
        kept: Kept,
        grad: Tensor,
        wanted: Sequence[bool],
        learns: bool,
    ) -> tuple[Tensor, list[Tensor | None], list[Tensor]]:
        """Return the gradients of the mixing weights, the inputs and all parameters.

        Args:
            inputs: of the branches.
            plain: the images whose weights need a gradient, all or none.
            kept: the images stored by :meth:`sum`.
            grad: of the sum, channels-last images ``(B, C, H, W)``.
            wanted: whether each of the inputs needs a gradient; it is ``None`` otherwise.
            learns: whether to compute the gradients of the parameters, which are none otherwise.
        """
        pixels = rows(grad)
        d_mixing, d_inputs, d_parameters = grad.new_empty(0), list[Tensor | None](), list[Tensor]()
        if self.bundles:
            found = self._gradients(inputs, kept, pixels, wanted, learns)
            d_mixing, d_inputs, d_parameters = found
        if plain:
            flat = pixels.flatten()
            dots = torch.stack([flat.dot(rows(image).flatten()) for image in plain])
            d_mixing = torch.cat([d_mixing, dots])
        return d_mixing, d_inputs, d_parameters

    def _gradients(
        self,
        inputs: Sequence[Tensor],
        kept: Kept,
        grad: Tensor,
        wanted: Sequence[bool],
        learns: bool,
    ) -> tuple[Tensor, list[Tensor | None], list[Tensor]]:
        before, middles, apart = kept
        # The weights' gradients alone need the inputs.
        firsts = self._beside(inputs) if learns else [inputs[b.places[0]] for b in self.bundles]
        xs = list(firsts)
        outer = [any(wanted[place] for place in bundle.places) for bundle in self.bundles]
        inner = list(outer)
        for i, x in zip(self.long, middles, strict=True):
            xs[i], inner[i] = x, outer[i] or learns
        grads = [grad] * len(xs)
        d_mixing, d_xs, last = self.last.gradients(xs, apart, grads, inner, learns)
        first: list[list[Tensor]] = []
        if any(inner[i] for i in self.long):
            masked = [
                None if (d := d_xs[i]) is None else _masked(d, x)
                for i, x in zip(self.long, middles, strict=True)
            ]
            _, d_firsts, first = self.first.gradients(
                [firsts[i] for i in self.long],
                before,
                masked,
                [outer[i] for i in self.long],
                learns,
            )
            for i, dx in zip(self.long, d_firsts, strict=True):
                d_xs[i] = dx
        return d_mixing, self._apart(d_xs, len(inputs)), self._in_order(first, last)

    def _apart(self, d_xs: Sequence[Tensor | None], count: int) -> list[Tensor | None]:
        """Return the sums of the gradients of each input from those of the bundles."""
        beside: dict[tuple[int, ...], Tensor] = {}
        for (_, places), dx in zip(self.bundles, d_xs, strict=True):
            if dx is not None:
                held = beside.get(places)
                beside[places] = dx if held is None else held.add_(dx)
        found: list[Tensor | None] = [None] * count
        for places, together in beside.items():
            for place, dx in zip(places, together.chunk(len(places), 1), strict=True):
                held = found[place]
                found[place] = dx if held is None else held.add_(dx)
        return found

    def _in_order(
        self, first: Sequence[list[Tensor]], last: Sequence[list[Tensor]]
    ) -> list[Tensor]:
        """Return the gradients of the parameters, branch by branch."""
        firsts, lasts, made = iter(first), iter(last), list[Tensor]()
        if last:
            for bundle in self.bundles:
                for branch in bundle.branches:
                    made += next(firsts) if len(branch) > 1 else []
                    made += next(lasts)
        return made


def _masked(grad: Tensor, output: Tensor) -> Tensor:
    """Return the gradient before a ReLU, as pixels."""
    return rows(torch.ops.aten.threshold_backward(grad, output, 0))
