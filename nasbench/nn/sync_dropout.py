"""Dropout that drops the same values in several processes as in one."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from nasbench.nn.processes import place


class _Synchronized(_DropoutNd):
    """Dropout that draws for the global batch, of which each process takes its rows.

    All processes draw from equal generators: for its own rows alone, each would drop what the
    others drop, and leave the generator where one process would not. The first dimension must be
    that of the examples.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, ...)`` to the same shape."""
        rank, world = place()
        if not self.training or self.p == 0.0 or world == 1:
            return cast(Tensor, super().forward(x))
        factors = cast(Tensor, super().forward(_ones(x, world)))[rank::world]
        return x.mul_(factors) if self.inplace else x * factors


def _ones(x: Tensor, world: int) -> Tensor:
    """Return ones for ``world`` times the rows, in the memory layout of ``x``, which draws follow.

    Args:
        x: ``(B, ...)``.
        world: number of processes.
    """
    outermost_first = sorted(range(x.dim()), key=lambda dim: x.stride()[dim], reverse=True)
    sizes = [x.shape[0] * world, *x.shape[1:]]
    ones = x.new_ones([sizes[dim] for dim in outermost_first])
    return ones.permute([outermost_first.index(dim) for dim in range(x.dim())])


class SyncDropout(_Synchronized, nn.Dropout):
    """``Dropout`` over the global batch."""


class SyncDropout1d(_Synchronized, nn.Dropout1d):
    """``Dropout1d`` over the global batch."""


class SyncDropout2d(_Synchronized, nn.Dropout2d):
    """``Dropout2d`` over the global batch."""


class SyncDropout3d(_Synchronized, nn.Dropout3d):
    """``Dropout3d`` over the global batch."""


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Dropout: SyncDropout,
    nn.Dropout1d: SyncDropout1d,
    nn.Dropout2d: SyncDropout2d,
    nn.Dropout3d: SyncDropout3d,
}
"""torch's layers and what replaces them."""
