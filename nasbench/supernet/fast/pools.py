"""Poolings 3 wide and the BN behind them, by compiled loops.

All poolings of some states are one function of autograd: it keeps the states and the normalized
outputs, and finds the places of the largest values again in the backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nasbench.nn.processes import place, sum_
from nasbench.nn.sync_batchnorm import merged
from nasbench.supernet.fast import compiled
from nasbench.supernet.fast.branches import size_of
from nasbench.supernet.fast.compiled import FEW, LAST
from nasbench.supernet.fast.threads import (
    Totals,
    addresses,
    empty,
    fill,
    share,
    table_of,
    threads_for,
    within,
)

Pool = nn.MaxPool2d | nn.AvgPool2d


class Wanted(NamedTuple):
    """A pooling of a state.

    Attributes:
        state: its index.
        average: of the pixels inside the image; otherwise their largest value.
        stride: 1 or more.
    """

    state: int
    average: bool
    stride: int


def _one(value: object) -> object:
    """Return the number of a pair of the same numbers."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def takes(state: Tensor, pool: Pool) -> bool:
    """Return whether there are compiled loops: the poolings of DARTS cells have them."""
    usual = (_one(pool.kernel_size), _one(pool.padding), pool.ceil_mode) == (3, 1, False)
    if isinstance(pool, nn.AvgPool2d):
        usual &= not pool.count_include_pad and pool.divisor_override is None
    else:
        usual &= _one(pool.dilation) == 1 and not pool.return_indices
    return (
        usual
        and isinstance(_one(pool.stride), int)
        and state.dim() == 4
        and state.dtype == torch.float32
        and state.shape[1] % FEW == 0
        and state.is_contiguous(memory_format=LAST)
        and compiled.available()
    )


def wanted_of(state: int, pool: Pool) -> Wanted:
    """Return what describes a pooling that :func:`takes` takes."""
    stride = _one(pool.stride)
    assert isinstance(stride, int)
    return Wanted(state, isinstance(pool, nn.AvgPool2d), stride)


class NormalizedPools(torch.autograd.Function):
    """Poolings of some states after BN without parameters."""

    @staticmethod
    def forward(ctx: Any, eps: float, wanted: Sequence[Wanted], *states: Tensor) -> Any:
        """Return the outputs, and mean and biased variance of the global batch, ``(M, C)``.

        Args:
            ctx: the context of autograd.
            eps: of BN.
            wanted: those of a state follow each other.
            states: ``(B, C, H, W)`` with the same B and C; channels-last.
        """
        work = _Work(wanted, states)
        outs = work.pool()
        mean, variance = work.statistics
        if place().world > 1:
            flat = merged(mean.flatten(), variance.flatten())
            mean, variance = (each.view(mean.shape) for each in flat)
        scale = torch.rsqrt(variance + eps)
        work.normalize(mean, scale)
        images = [out.permute(0, 3, 1, 2) for out in outs]
        learns = [ctx.needs_input_grad[2 + one.state] for one in wanted]
        rest = [image for image, learn in zip(images, learns, strict=True) if not learn]
        ctx.mark_non_differentiable(mean, variance, *rest)
        ctx.set_materialize_grads(False)
        ctx.wanted, ctx.scale = wanted, scale
        ctx.save_for_backward(*states, *images)
        return *images, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients of the states.

        Raises:
            RuntimeError: a second derivative is requested.
        """
        if torch.is_grad_enabled():
            raise RuntimeError("fast sums have no second derivative: set Mixture.fast = False")
        m = len(ctx.wanted)
        saved = [image.contiguous(memory_format=LAST) for image in ctx.saved_tensors]
        states, outs = saved[:-m], saved[-m:]
        found: list[Tensor | None] = [None] * len(states)
        kept = [i for i, grad in enumerate(gradients[:m]) if grad is not None]
        if not kept:
            return None, None, *found
        grads = [g.contiguous(memory_format=LAST) for g in gradients[:m] if g is not None]
        work, scale = _Work([ctx.wanted[i] for i in kept], states), ctx.scale[kept]
        level, slope = work.moments_back([outs[i] for i in kept], grads)
        if place().world > 1:
            both = torch.stack([level, slope])
            sum_(both)
            level, slope = both
        # scale * (grad - mean of grad - out * mean of grad * out)
        total = scale / (work.counts * place().world)
        for number, d_state in work.back(-slope * total, scale, -level * total).items():
            found[number] = d_state
        return None, None, *found


class _Work:
    """The tables for some poolings, and calls of the loops."""

    def __init__(self, wanted: Sequence[Wanted], states: Sequence[Tensor]) -> None:
        from nasbench.supernet.fast import pool_kernels

        self.loops: Any = pool_kernels
        self.states, self.wanted = states, wanted
        self.batch, self.c = states[0].shape[:2]
        self.m = len(wanted)
        inputs = [size_of(states[one.state])[1:] for one in wanted]
        self.sizes = [
            (-(-height // one.stride), -(-width // one.stride))
            for one, (height, width) in zip(wanted, inputs, strict=True)
        ]
        self.table = table_of(self.loops, self.m)
        self.set(
            AVERAGE=[one.average for one in wanted],
            STRIDE=[one.stride for one in wanted],
            HEIGHT=[height for height, _ in inputs],
            WIDTH=[width for _, width in inputs],
            OUT_HEIGHT=[height for height, _ in self.sizes],
            OUT_WIDTH=[width for _, width in self.sizes],
            X=addresses([states[one.state] for one in wanted]),
        )
        self.counts = states[0].new_tensor([[self.batch * math.prod(s)] for s in self.sizes])
        self.statistics: tuple[Tensor, Tensor]

    def set(self, **columns: Sequence[int]) -> None:
        """Fill columns of the table, which are given by their names."""
        fill(self.table, self.loops, **columns)

    def _share(self, loop: Any, **arguments: Sequence[int] | int) -> None:
        """Call a loop for all images."""
        known = {"table": self.table.ctypes.data, "poolings": self.m, "c": self.c}
        share(loop, self.batch, **known | arguments)

    def _summed(self, loop: Any, **arguments: int) -> tuple[Tensor, Tensor]:
        """Call a loop for all images; return its sums and products, ``(M, c)``."""
        totals = Totals(threads_for(self.batch), *[(self.m, self.c)] * 2)
        sums, products = totals
        self._share(loop, sums=sums, products=products, **arguments)
        found, crossed = totals.gathered()
        return found, crossed

    def pool(self) -> list[Tensor]:
        """Return the poolings ``(B, H, W, C)``; sets ``statistics``, each ``(M, c)``."""
        outs = [empty(self.batch, *size, self.c) for size in self.sizes]
        self.set(OUT=addresses(outs))
        # The means of an image, so that no large mean hides the variance.
        shifts = torch.stack([self.states[one.state][0].mean((1, 2)) for one in self.wanted])
        sums, squares = self._summed(self.loops.pool, shifts=shifts.data_ptr())
        mean = sums / self.counts
        variance = squares / self.counts - mean.square()
        self.statistics = mean + shifts, variance.clamp_min_(0)
        return outs

    def normalize(self, mean: Tensor, scale: Tensor) -> None:
        """Normalize the poolings in place."""
        self._share(self.loops.normalize, shifts=mean.data_ptr(), scales=scale.data_ptr())

    def moments_back(
        self, outs: Sequence[Tensor], grads: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the sums of the gradients, and of their products with the outputs."""
        self.set(OUT=addresses(outs), GRAD=addresses(grads))
        return self._summed(self.loops.moments_back)

    def back(self, by_out: Tensor, by_grad: Tensor, constant: Tensor) -> dict[int, Tensor]:
        """Return the gradients of the states that have a pooling, by their numbers."""
        numbers = [one.state for one in self.wanted]
        d_states = {number: torch.empty_like(self.states[number]) for number in numbers}
        self.set(D_X=addresses([d_states[number] for number in numbers]))
        largest = max(math.prod(size) for size in self.sizes)
        scratch = empty(threads_for(self.batch), largest * self.c)
        self._share(
            self.loops.pool_back,
            by_out=by_out.data_ptr(),
            by_grad=by_grad.data_ptr(),
            constants=constant.data_ptr(),
            scratch=within(scratch),
        )
        return d_states


def normalized(
    pools: Sequence[tuple[Tensor, Pool]], eps: float
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return poolings of states after BN, each with its mean and biased variance ``(C,)``.

    Args:
        pools: of states with as many images and channels; :func:`takes` takes them all.
        eps: of BN.
    """
    numbers: dict[int, int] = {}
    states: list[Tensor] = []
    for state, _ in pools:
        if id(state) not in numbers:
            numbers[id(state)] = len(states)
            states.append(state)
    order = sorted(range(len(pools)), key=lambda i: numbers[id(pools[i][0])])
    wanted = [wanted_of(numbers[id(pools[i][0])], pools[i][1]) for i in order]
    *outs, means, variances = NormalizedPools.apply(eps, wanted, *states)
    found = dict(zip(order, zip(outs, means, variances, strict=True), strict=True))
    return [found[i] for i in range(len(pools))]
