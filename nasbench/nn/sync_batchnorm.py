"""BN over the global batch of several processes, on any device.

torch's ``SyncBatchNorm`` supports accelerators only. Here two CPU processes train as one does,
with one exchange in either pass: the processes tell each other mean and variance of their parts,
which are merged (Chan et al., 1983).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.nn.elastic import ElasticBatchNorm2d
from nasbench.nn.processes import place, sum_


class _Normalized(torch.autograd.Function):
    """BN with the statistics of all processes' images, of which every process has as many.

    The gradient is that of the sum of all processes' losses.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the output, and mean and biased variance of the global batch, ``(C,)``."""
        variance, mean = torch.var_mean(x, [0, *range(2, x.dim())], correction=0)
        mean, variance = merged(mean, variance)
        out = torch.native_batch_norm(x, weight, bias, mean, variance, False, 0.0, eps)[0]
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps, ctx.count = eps, x.numel() // x.shape[1] * place().world
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the images, the weight and the bias."""
        x, weight, mean, variance = ctx.saved_tensors
        # As if mean and variance were constant; what they add follows from the sums of all.
        dx, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, weight, mean, variance, None, None, False, ctx.eps, [True] * 3
        )
        both = torch.stack([d_bias, d_weight])
        sum_(both)
        scale = torch.rsqrt(variance + ctx.eps)
        both *= (scale if weight is None else scale * weight) / ctx.count
        both[1] *= scale
        level, slope = both.view(2, 1, -1, *(1,) * (x.dim() - 2)).unbind()
        dx -= level
        dx.addcmul_(x - mean.view(slope.shape), slope, value=-1)
        known = weight is not None
        return dx, d_weight if known else None, d_bias if known else None, None


def normalized(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return images ``(B, C, ...)`` after BN in training, and mean and biased variance ``(C,)``.

    The statistics are those of the global batch and have no gradient of their own.
    """
    if place().world > 1:
        return cast(tuple[Tensor, Tensor, Tensor], _Normalized.apply(x, None, None, eps))
    out, mean, scale = torch.native_batch_norm(x, None, None, None, None, True, 0.0, eps)
    return out, mean.detach(), scale.detach() ** -2 - eps


def merged(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of the global batch.

    Args:
        mean: of this process's part, shape ``(C,)``.
        variance: its biased variance.
    """
    rank, world = place()
    every = mean.new_zeros(world + 1, len(mean))
    every[rank], every[world] = mean, variance
    sum_(every)
    means = every[:world]
    return means.mean(0), every[world] / world + means.var(0, correction=0)


class _Synchronized(_BatchNorm):
    """BN whose training statistics are those of the global batch."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, ...)`` to the same shape."""
        if not self.training or place().world == 1:
            return super().forward(x)
        count = x.numel() // x.shape[1] * place().world
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        out, mean, var = cast(
            tuple[Tensor, Tensor, Tensor],
            _Normalized.apply(wide, self.weight, self.bias, self.eps),
        )
        if self.running_mean is not None and self.running_var is not None:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            share = self.momentum
            if share is None:
                share = 1 / float(self.num_batches_tracked)
            unbiased = var * (count / max(1, count - 1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)
        return out.to(x.dtype)


class SyncBatchNorm1d(_Synchronized, nn.BatchNorm1d):
    """``BatchNorm1d`` over the global batch."""


class SyncBatchNorm2d(_Synchronized, nn.BatchNorm2d):
    """``BatchNorm2d`` over the global batch."""


class SyncBatchNorm3d(_Synchronized, nn.BatchNorm3d):
    """``BatchNorm3d`` over the global batch."""


_KINDS: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: SyncBatchNorm1d,
    nn.BatchNorm2d: SyncBatchNorm2d,
    nn.BatchNorm3d: SyncBatchNorm3d,
}


def synchronize(network: nn.Module) -> None:
    """Make every BN layer in ``network`` use the global batch, in place."""
    for module in network.modules():
        if type(module) in _KINDS:
            module.__class__ = _KINDS[type(module)]
        elif isinstance(module, ElasticBatchNorm2d):
            module.plain = SyncBatchNorm2d
