"""The weighted sum of branches as a function of autograd."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nasbench.supernet.fast.branches import Branches, Bundle, Parameters
from nasbench.supernet.fast.compiled import CompiledBranches
from nasbench.supernet.fast.shared import Mixed, terms

Kind = Callable[[Sequence[Bundle], Sequence[Parameters]], Branches | CompiledBranches]


def _states(weights: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Return where weights are, and how often they were changed there."""
    return [(p.data_ptr(), p._version) for p in weights]


class BranchSum(torch.autograd.Function):
    """The weighted sum of branches and of plain images."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def forward(
        ctx: Any,
        kind: Kind,
        bundles: Sequence[Bundle],
        gradients: Sequence[Mixed | None],
        weights: Tensor,
        *tensors: Tensor,
    ) -> Tensor:
        """Return the sum ``(B, C, H, W)``.

        Args:
            ctx: the context of autograd.
            kind: what computes the sum.
            bundles: of branches of one or two units, with pointwise kernels of the same shape.
            gradients: where the gradients of plain images are left, if not with autograd.
            weights: of the branches and then of the plain images, shape ``(n,)``.
            tensors: the branches' inputs ``(B, K, H, W)``, all branches' parameters, then the
                plain images ``(B, C, H', W')``; all images channels-last.
        """
        count = 1 + max((place for bundle in bundles for place in bundle.places), default=-1)
        inputs, rest = tensors[:count], iter(tensors[count:])
        own = [
            [[next(rest) for _ in range(unit.count)] for unit in branch]
            for bundle in bundles
            for branch in bundle.branches
        ]
        plain = list(rest)
        ctx.branches = kind(bundles, own)
        # The loops get the weights' addresses, of which autograd does not know.
        ctx.weights = [p for units in own for parameters in units for p in parameters]
        ctx.states = _states(ctx.weights) if any(ctx.needs_input_grad) else []
        total: Tensor
        total, kept = ctx.branches.sum(inputs, weights, plain)
        ctx.count = count
        ctx.parameters = len(tensors) - count - len(plain)
        ctx.gradients = gradients
        if not ctx.needs_input_grad[3]:
            plain = []
        ctx.plain = len(plain)
        ctx.save_for_backward(weights, *inputs, *plain, *itertools.chain(*kept))
        return total

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Return the gradients of weights, inputs, parameters and plain images.

        Raises:
            RuntimeError: a second derivative is requested, or a weight has changed since the
                forward pass.
        """
        if torch.is_grad_enabled():  # torch's own check misses some cases
            raise RuntimeError("fast sums have no second derivative: set Mixture.fast = False")
        if ctx.states != _states(ctx.weights):
            raise RuntimeError(
                "a weight of a fast sum was modified or replaced between forward and backward pass"
            )
        count, parameters = ctx.count, ctx.parameters
        weights, *saved = ctx.saved_tensors
        inputs, plain, kept = saved[:count], saved[count:][: ctx.plain], saved[count + ctx.plain :]
        _, _, _, mixes, *needed = ctx.needs_input_grad
        learns = any(needed[count:][:parameters])
        grad = grad.contiguous(memory_format=torch.channels_last)
        d_weights, d_inputs, d_parameters = ctx.branches.gradients(
            inputs, plain, ctx.branches.kept(kept), grad, needed[:count], learns
        )
        rest = needed[count + parameters :]
        d_plain = terms(ctx.gradients, grad, weights[len(weights) - len(rest) :], rest)
        d_mixed = d_weights if mixes else None
        return (
            None,
            None,
            None,
            d_mixed,
            *d_inputs,
            *(d_parameters or [None] * parameters),
            *d_plain,
        )
