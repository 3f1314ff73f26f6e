"""Sums of weighted branches that keep nothing between the two passes but small statistics.

A branch is one unit or two: a depthwise convolution, a pointwise one and BN, with a ReLU between
the units. What the units of one sum make is used at once and thrown away. The backward pass makes
it again, which costs little more than to write it to memory and to read it from there, and a
supernet's memory is that of its states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nasbench.supernet.fast.units import Branch, Level, images, rows, size_of


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

    def sum(self, xs: Sequence[Tensor], mixing: Tensor) -> tuple[Tensor, tuple[int, int, int]]:
        """Return the weighted sum of the branches as pixels, and its size."""
        middles = self._middles(xs, fit=True)
        apart = self.last.apart(middles)
        self.last.fit(apart, mixing)
        total = self.last.fitted.biases.sum(0)
        total = torch.addmm(total, rows(apart[0]), self.last.fitted.scaled[0])
        for x, scaled in zip(apart[1:], self.last.fitted.scaled[1:], strict=True):
            total.addmm_(rows(x), scaled)
        return total, size_of(apart[0])

    def _middles(self, xs: Sequence[Tensor], fit: bool = False) -> list[Tensor]:
        """Return the inputs of the last units."""
        made = list(xs)
        if self.long:
            apart = self.first.apart([xs[i] for i in self.long])
            if fit:
                self.first.fit(apart, None)
            for i, x in zip(self.long, self.first.relu(apart), strict=True):
                made[i] = x
        return made

    def gradients(
        self, xs: Sequence[Tensor], grad: Tensor, learns: bool
    ) -> tuple[Tensor, list[Tensor], list[Tensor | None]]:
        """Return the gradients of the mixing weights, the inputs and all parameters.

        Args:
            xs: the branches' inputs.
            grad: of the sum, pixels ``(n, C)``.
            learns: whether the parameters' are wanted.
        """
        firsts = [xs[i] for i in self.long]
        apart = self.first.apart(firsts)
        middles = list(xs)
        for i, x in zip(self.long, self.first.relu(apart) if self.long else [], strict=True):
            middles[i] = x
        d_mixing, d_xs, last = self.last.gradients(
            middles, self.last.apart(middles), [grad] * len(xs), learns
        )
        first: list[list[Tensor | None]] = []
        if self.long:
            masked = [
                rows(torch.ops.aten.threshold_backward(d_xs[i], middles[i], 0)) for i in self.long
            ]
            _, d_firsts, first = self.first.gradients(firsts, apart, masked, learns)
            for i, dx in zip(self.long, d_firsts, strict=True):
                d_xs[i] = dx
        before = dict(zip(self.long, first, strict=True))
        return d_mixing, d_xs, [d for i, own in enumerate(last) for d in before.get(i, []) + own]


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
        ctx.branches = Branches(branches, own) if n else None
        if n:
            total, size = ctx.branches.sum([inputs[place] for place in places], weights[:n])
        for image, weight in zip(plain, weights[n:].tolist(), strict=True):
            pixels = rows(image)
            total = pixels * weight if total is None else total.add_(pixels, alpha=weight)
        assert total is not None
        ctx.places, ctx.count, ctx.parameters = places, count, sum(map(len, own))
        ctx.save_for_backward(weights, *inputs, *(plain if ctx.needs_input_grad[2] else ()))
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
        inputs, plain = saved[:count], saved[count:]
        learns = any(ctx.needs_input_grad[3 + count : 3 + count + ctx.parameters])
        grad = grad.contiguous(memory_format=torch.channels_last)
        d_inputs: list[Tensor | None] = [None] * count
        d_weights, d_parameters = [weights.new_empty(0)], []
        if places:
            xs = [inputs[place] for place in places]
            d_mixing, d_xs, d_parameters = ctx.branches.gradients(xs, rows(grad), learns)
            d_weights.append(d_mixing)
            for place, dx in zip(places, d_xs, strict=True):
                held = d_inputs[place]
                d_inputs[place] = dx if held is None else held.add_(dx)
        if plain:
            d_weights.append(torch.stack([(grad * image).sum() for image in plain]))
        d_plain = [grad * weight for weight in weights[len(places) :].tolist()]
        wanted = torch.cat(d_weights) if ctx.needs_input_grad[2] else None
        return None, None, wanted, *d_inputs, *d_parameters, *d_plain
