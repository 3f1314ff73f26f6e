"""Sums of weighted branches that keep what their depthwise convolutions make, and no more.

A branch is one unit or two: a depthwise convolution, a pointwise one and BN, with a ReLU between
the units. Between the two passes lie a unit's inputs and what its depthwise convolution makes of
them. Pointwise convolutions and BN leave nothing large behind.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nasbench.supernet.fast.units import Branch, Level, images, rows, size_of


class Kept(NamedTuple):
    """What several branches leave for the backward pass, all images.

    Attributes:
        before: what the depthwise convolutions of the first units of long branches made.
        middles: the inputs of the last units.
        apart: what the depthwise convolutions of the last units made.
    """

    before: list[Tensor]
    middles: list[Tensor]
    apart: list[Tensor]


class Branches:
    """Several branches in one step.

    Args:
        branches: of one or two units.
        weights: of each branch, all its parameters.
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
        """Return what :meth:`sum` left, from its parts in a row."""
        cuts = len(self.long), len(self.long) + len(self.last.units)
        return Kept(*(list(tensors[a:b]) for a, b in itertools.pairwise((0, *cuts, None))))

    def sum(self, xs: Sequence[Tensor], mixing: Tensor) -> tuple[Tensor, Kept]:
        """Return the weighted sum of the branches as pixels, and what their gradients need."""
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
            kept: what :meth:`sum` left.
            grad: of the sum, pixels ``(n, C)``.
            learns: whether the parameters' are wanted.
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
            ctx: what autograd keeps.
            branches: of one or two units, all with pointwise kernels of one shape.
            places: for each branch the place of its input among the tensors.
            weights: of the branches, then of the plain images, one vector.
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
            RuntimeError: they are to be differentiated again.
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
