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


class SyncBatchNorm2d(nn.BatchNorm2d):
    """``BatchNorm2d`` whose training statistics are those of the global batch."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        if not self.training or place().world == 1:
            return super().forward(x)
        count = x.numel() // x.shape[1] * place().world
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        # Two passes: the mean of squares minus the squared mean would cancel digits.
        mean = cast(Tensor, _Sum.apply(wide.sum(dim=(0, 2, 3)))) / count
        centred = wide - mean.view(1, -1, 1, 1)
        var = cast(Tensor, _Sum.apply(centred.square().sum(dim=(0, 2, 3)))) / count
        if self.running_mean is not None and self.running_var is not None:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            tracked = float(self.num_batches_tracked)
            share = 1 / tracked if self.momentum is None else self.momentum
            unbiased = var.detach() * count / max(1, count - 1)
            self.running_mean.lerp_(mean.detach().to(self.running_mean.dtype), share)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)
        out = centred * torch.rsqrt(var + self.eps).view(1, -1, 1, 1)
        if self.affine:
            out = out * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return out.to(x.dtype)


def synchronize(network: nn.Module) -> None:
    """Make every ``BatchNorm2d`` in ``network`` use the global batch, in place."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncBatchNorm2d
