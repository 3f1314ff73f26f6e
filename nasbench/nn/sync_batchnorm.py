"""BN over the global batch of several processes, on any device.

torch's ``SyncBatchNorm`` supports accelerators only. Here the sums of the batch pass through a
differentiable ``all_reduce``, so that two CPU processes train as one does.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.nn.processes import place


class _Sum(torch.autograd.Function):
    """The sum over the processes; its gradient is the sum of the gradients."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].clone()
        dist.all_reduce(gradient)
        return gradient


class _Synchronized(_BatchNorm):
    """BN whose training statistics are those of the global batch."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, ...)`` to the same shape."""
        if not self.training or place().world == 1:
            return super().forward(x)
        others = [0, *range(2, x.dim())]  # every dimension but the channels
        form = (1, -1, *(1,) * (x.dim() - 2))
        count = x.numel() // x.shape[1] * place().world
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        # Two passes: the mean of squares minus the squared mean would cancel digits.
        mean = cast(Tensor, _Sum.apply(wide.sum(dim=others))) / count
        centred = wide - mean.view(form)
        var = cast(Tensor, _Sum.apply(centred.square().sum(dim=others))) / count
        if self.running_mean is not None and self.running_var is not None:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            tracked = float(self.num_batches_tracked)
            share = 1 / tracked if self.momentum is None else self.momentum
            unbiased = var.detach() * count / max(1, count - 1)
            self.running_mean.lerp_(mean.detach().to(self.running_mean.dtype), share)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)
        out = centred * torch.rsqrt(var + self.eps).view(form)
        if self.affine:
            out = out * self.weight.view(form) + self.bias.view(form)
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
