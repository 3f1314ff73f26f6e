"""Weighted sums of branches by compiled loops, which keep less and read it less often.

The same as :mod:`nasbench.supernet.fast.branches`: a unit's input is read once for its depthwise
convolution, whose output is summed up while it is near the core, and all branches of a node take
one call. Only the outputs of the last depthwise convolutions are kept: what comes before them is
computed again in the backward pass. Images are spread over threads, which numba's loops keep busy
without the interpreter.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nasbench.nn.processes import meeting, place, sum_
from nasbench.supernet.fast.branches import Branch, Bundle, Parameters, Unit, size_of
from nasbench.supernet.fast.fitted import CompiledFitted
from nasbench.supernet.fast.shared import Added
from nasbench.supernet.fast.threads import (
    Table,
    Totals,
    addresses,
    empty,
    fill,
    pairs,
    share,
    table_of,
    threads_for,
    within,
    zeros,
)

FEW = 4
"""The number of channels must be a multiple of it."""
LAST = torch.channels_last


def available() -> bool:
    """Return whether numba works here, and in all processes that train together."""
    return _agreed(place().world, meeting())


@functools.lru_cache(maxsize=1)  # every group of processes agrees anew, all of its members
def _agreed(world: int, group: int) -> bool:
    mine = _works()
    if world == 1:
        return mine
    total = zeros(1)
    total += mine
    sum_(total)
    return int(total) == world


@functools.cache
def _works() -> bool:
    try:
        from numba import config

        _loops()
    except (ImportError, OSError):
        return False
    return not config.DISABLE_JIT  # type: ignore[attr-defined]


def _loops() -> Any:
    from nasbench.supernet.fast import kernels  # numba takes half a second to import

    return kernels


def takes(
    branches: Sequence[Branch],
    inputs: Sequence[Tensor],
    plain: Sequence[Tensor],
    numbers: Sequence[Tensor],
) -> bool:
    """Return whether there are compiled loops for a sum: those of DARTS cells have them.

    Args:
        branches: of one or two units.
        inputs: of each branch, ``(B, K, H, W)``.
        plain: images ``(B, C, H', W')``.
        numbers: the weights of the sum, and the parameters of all units.
    """
    c = inputs[0].shape[1] if inputs else 1
    if c % FEW or not all(unit.compiles for branch in branches for unit in branch):
        return False
    sizes = {_output(branch[0], x) for branch, x in zip(branches, inputs, strict=True)}
    norms = [unit.norm for branch in branches for unit in branch]
    alike = {(size_of(image), image.shape[1]) for image in plain} | {(size, c) for size in sizes}
    distinct = {id(x): x for x in inputs}.values()
    return (
        len(alike) == 1
        and len(set(norms)) == len(norms)  # several threads move their running statistics
        and all(x.dtype == torch.float32 for x in [*distinct, *plain, *numbers])
        and all(x.shape[1] == c and x.is_contiguous(memory_format=LAST) for x in distinct)
        and all(x.is_contiguous() for x in numbers)
        and available()
    )


def _output(unit: Unit, x: Tensor) -> tuple[int, int, int]:
    """Return B, height and width of the output of a unit."""
    batch, height, width = size_of(x)
    stride = unit.steps[0]
    return batch, -(-height // stride), -(-width // stride)


class Shape(NamedTuple):
    """What the tables of stages have in common, sum after sum.

    Attributes:
        table: the sizes of all units; its addresses are 0.
        reach: the largest padding.
        largest: pixels of the largest input with its padding.
    """

    table: Table
    reach: int
    largest: int


@functools.lru_cache(maxsize=256)
def _shape(kinds: tuple[tuple[int, ...], ...], sizes: tuple[tuple[int, int], ...]) -> Shape:
    """Return the shape of units with kernel, stride and dilation, and inputs of some sizes."""
    loops = _loops()
    table = table_of(loops, len(kinds))
    columns = {
        "K": [k for k, _, _ in kinds],
        "STRIDE": [stride for _, stride, _ in kinds],
        "DILATION": [dilation for _, _, dilation in kinds],
        "HEIGHT": [height for height, _ in sizes],
        "WIDTH": [width for _, width in sizes],
    }
    fill(table, loops, **columns)
    reach = max(dilation * (k // 2) for k, _, dilation in kinds)
    return Shape(table, reach, max((h + 2 * reach) * (w + 2 * reach) for h, w in sizes))


class Stage:
    """Units that are computed in one call.

    Args:
        units: of ``c`` channels.
        weights: of their depthwise convolutions.
        sizes: height and width of their inputs.
        output: B, height and width of the outputs.
        c: channels.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        weights: Sequence[Tensor],
        sizes: Sequence[tuple[int, int]],
        output: tuple[int, int, int],
        c: int,
    ) -> None:
        self.loops = _loops()
        self.output, self.c, self.m = output, c, len(units)
        self.kernels = [unit.kind[0] for unit in units]
        shape = _shape(tuple(unit.kind for unit in units), tuple(sizes))
        self.table, self.reach, self.largest = shape.table.copy(), shape.reach, shape.largest
        self.set(WEIGHT=addresses(weights))

    def set(self, **columns: Sequence[int] | int) -> None:
        """Fill columns of the table, which are given by their names."""
        fill(self.table, self.loops, **columns)

    def scratch(self) -> Tensor:
        """Return memory for each thread."""
        batch, height, width = self.output
        room = self.loops.room(self.m, self.c, height * width, self.largest)
        return empty(threads_for(batch), room)

    def _totals(self, *shapes: tuple[int, ...]) -> Totals:
        """Return sums over all images."""
        return Totals(threads_for(self.output[0]), *shapes)

    def _share(self, loop: Any, **arguments: Sequence[int] | int) -> None:
        """Call a loop for all images."""
        batch, height, width = self.output
        known = {"table": self.table.ctypes.data, "units": self.m, "reach": self.reach}
        size = {"c": self.c, "height": height, "width": width}
        share(loop, batch, **known | size | arguments)

    def separate(self) -> tuple[Tensor, Tensor]:
        """Write the outputs of the convolutions; return their sums and products."""
        scratch = self.scratch()
        totals = self._totals((self.m, self.c), (self.m, self.c, self.c))
        sums, products = totals
        self._share(self.loops.separate, sums=sums, products=products, scratch=within(scratch))
        found, squares = totals.gathered()
        return found, squares

    def convolve(self, which: Sequence[int]) -> None:
        """Write the outputs of some of the convolutions alone."""
        table, scratch = self.table[which], self.scratch()
        self._share(
            self.loops.separate,
            table=table.ctypes.data,
            units=len(table),
            scratch=within(scratch),
        )

    def crossed(self, grad: Tensor, plain: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sums of a gradient, and its products with images.

        Args:
            grad: channels-last images ``(B, c, H, W)``.
            plain: images of the same size.

        Returns:
            The sums ``(c,)``, the products with the outputs of the convolutions ``(M, c, c)`` and
            with the plain images ``(P,)``.
        """
        others = pairs(plain, [0] * len(plain))
        shapes = (self.c,), (self.m, self.c, self.c), (len(plain), self.loops.LANES)
        totals = self._totals(*shapes)
        sums, products, dots = totals
        self._share(
            self.loops.crossed,
            plain=others.ctypes.data,
            images=len(others),
            grad=grad.data_ptr(),
            sums=sums,
            products=products,
            dots=dots,
        )
        total, crossed, lanes = totals.gathered()
        return total, crossed, lanes.sum(1)

    def back(self, learns: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Write the gradients of the inputs.

        Args:
            learns: whether the weights need a gradient.

        Returns:
            The gradients of the depthwise weights ``(M, 25, c)``; the sums of the gradients before
            the ReLU of the units before, and their products with the images there.
        """
        scratch = self.scratch()
        taps = self.m if learns else 0, self.loops.WIDEST**2, self.c
        before = self.m if self.table[:, self.loops.BEFORE].any() else 0
        totals = self._totals(taps, (before, self.c), (before, self.c, self.c))
        weights, sums, products = totals
        self._share(
            self.loops.back,
            taps=weights if learns else 0,
            sums=sums,
            products=products,
            scratch=within(scratch),
        )
        d_weights, found, crossed = totals.gathered()
        return d_weights, found, crossed

    def spatial(self, taps: Tensor, unit: int) -> Tensor:
        """Return the gradient of a depthwise weight ``(c, 1, k, k)``."""
        k = self.kernels[unit]
        return taps[unit, : k * k].t().reshape(self.c, 1, k, k)


class Kept(NamedTuple):
    """What branches store for the backward pass.

    Attributes:
        apart: outputs of the depthwise convolutions in the last units.
    """

    apart: list[Tensor]


class CompiledBranches:
    """Branches of a node, computed together; the same as ``Branches``, with the ReLU before.

    Args:
        shares: where the gradient of each input is added up.
        bundles: of one branch each; those with the same input follow each other.
        weights: the parameters of each branch.
    """

    def __init__(
        self, shares: Sequence[Added], bundles: Sequence[Bundle], weights: Sequence[Parameters]
    ) -> None:
        self.shares = shares
        self.branches = [branch for bundle in bundles for branch in bundle.branches]
        self.places = [place for bundle in bundles for place in bundle.places]
        self.long = [i for i, branch in enumerate(self.branches) if len(branch) > 1]
        self.weights = weights
        self.first: CompiledFitted | None = None
        self.last: CompiledFitted
        self.size: tuple[int, int, int]

    def kept(self, tensors: Sequence[Tensor]) -> Kept:
        """Return the images stored by :meth:`sum` from the flat sequence of them."""
        return Kept(list(tensors))

    def _outer(self, inputs: Sequence[Tensor]) -> Stage:
        """Return the first units of all branches."""
        units = [branch[0] for branch in self.branches]
        weights = [own[0][0] for own in self.weights]
        images = [inputs[place] for place in self.places]
        stage = Stage(units, weights, [size_of(x)[1:] for x in images], self.size, self.c)
        stage.set(X=addresses(images))
        return stage

    def _inner(self, before: Sequence[Tensor]) -> Stage:
        """Return the second units of long branches."""
        assert self.first is not None
        units = [self.branches[i][1] for i in self.long]
        weights = [self.weights[i][1][0] for i in self.long]
        stage = Stage(units, weights, [self.size[1:]] * len(units), self.size, self.c)
        stage.set(
            BEFORE=addresses(before),
            SCALED=within(self.first.scaled),
            BIAS=within(self.first.biases),
        )
        return stage

    def sum(
        self, inputs: Sequence[Tensor], mixing: Tensor, plain: Sequence[Tensor]
    ) -> tuple[Tensor, Kept]:
        """Return the weighted sum of branches and plain images, and the stored images.

        Args:
            inputs: of the branches, before their ReLU.
            mixing: the weights of the branches and then of the plain images, shape ``(n,)``.
            plain: images as large as the branches' outputs.
        """
        m, long = len(self.branches), self.long
        self.size = _output(self.branches[0][0], inputs[self.places[0]])
        self.c = inputs[0].shape[1]
        shape, n = (*self.size, self.c), math.prod(self.size)
        apart = [empty(*shape) for _ in range(m)]
        before = [empty(*shape) for _ in long]
        outs = list(apart)
        for i, one in zip(long, before, strict=True):
            outs[i] = one
        outer = self._outer(inputs)
        outer.set(APART=addresses(outs))
        sums, squares = outer.separate()
        if long:
            units = [self.branches[i][0] for i in long]
            kernels = [self.weights[i][0][1] for i in long]
            norms = [unit.norm for unit in units]
            self.first = CompiledFitted(n, sums[long], squares[long], kernels, None, norms)
            inner = self._inner(before)
            inner.set(APART=addresses([apart[i] for i in long]))
            sums[long], squares[long] = inner.separate()
        norms = [branch[-1].norm for branch in self.branches]
        kernels = [weights[-1][1] for weights in self.weights]
        self.last = CompiledFitted(n, sums, squares, kernels, mixing[:m], norms)
        outer.set(APART=addresses(apart), SCALED=within(self.last.scaled))
        out, bias = empty(*shape), self.last.biases.sum(0)
        mixing = mixing.contiguous()
        plain = [image.contiguous(memory_format=LAST) for image in plain]
        others = pairs(plain, within(mixing)[m:])
        share(
            outer.loops.total,
            n,
            table=outer.table.ctypes.data,
            units=outer.m,
            plain=others.ctypes.data,
            images=len(others),
            bias=bias.data_ptr(),
            out=out.data_ptr(),
            c=self.c,
        )
        return out.permute(0, 3, 1, 2), Kept(apart)

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

        Those of the inputs are ``None``: they are added to what is in their places.

        Args:
            inputs: of the branches.
            plain: the images whose weights need a gradient, all or none.
            kept: the images stored by :meth:`sum`.
            grad: of the sum, channels-last images ``(B, C, H, W)``.
            wanted: whether each of the inputs needs a gradient.
            learns: whether to compute the gradients of the parameters, which are none otherwise.
        """
        apart = kept.apart
        m, long = len(self.branches), self.long
        inputs = [x.contiguous(memory_format=LAST) for x in inputs]
        outer = self._outer(inputs)
        outer.set(APART=addresses(apart))
        plain = [image.contiguous(memory_format=LAST) for image in plain]
        sums, products, dots = outer.crossed(grad, plain)
        last = self.last.small(sums, products)
        d_mixing = torch.cat([last.weights, dots])
        outside = [wanted[place] for place in self.places]
        none: list[Tensor | None] = [None] * len(inputs)
        if not (learns or any(outside)):
            return d_mixing, none, []
        d_inputs, begun = list(none), [False] * len(inputs)
        for i, (own, x, want) in enumerate(zip(self.shares, inputs, wanted, strict=True)):
            if want:
                d_inputs[i], begun[i] = own.memory(x)
        rows, outs, grads = last.columns(range(m)), list(apart), [grad] * m
        if long:
            assert self.first is not None
            before = [torch.empty_like(apart[i]) for i in long]
            for i, one in zip(long, before, strict=True):
                outs[i] = one
            outer.set(APART=addresses(outs))
            outer.convolve(long)
            d_middles = [torch.empty_like(x) for x in before]
            inner = self._inner(before)
            inner.set(
                APART=addresses([apart[i] for i in long]),
                GRAD=grad.data_ptr(),
                D_X=addresses(d_middles),
                WANTED=[learns or outside[i] for i in long],
                **last.columns(long),
            )
            inner_taps, *before_relu = inner.back(learns)
            first = self.first.small(*before_relu)
            for j, i in enumerate(long):
                grads[i] = d_middles[j]
                for name, column in first.columns([j]).items():
                    rows[name][i] = column[0]
        more = [begun[place] or place in self.places[:i] for i, place in enumerate(self.places)]
        outer.set(
            GRAD=addresses(grads),
            D_X=addresses([d_inputs[place] for place in self.places]),
            WANTED=outside,
            MORE=more,
            **rows,
        )
        taps, _, _ = outer.back(learns)
        d_parameters = list[Tensor]()
        if learns:
            lasts = last.pointwise()
            firsts = first.pointwise() if long else []
            for i in range(m):
                if i in long:
                    j = long.index(i)
                    d_parameters += [outer.spatial(taps, i), firsts[j]]
                    d_parameters += [inner.spatial(inner_taps, j), lasts[i]]
                else:
                    d_parameters += [outer.spatial(taps, i), lasts[i]]
        return d_mixing, none, d_parameters
