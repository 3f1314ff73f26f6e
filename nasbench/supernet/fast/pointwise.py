r"""Batch-normalized pointwise convolutions, without the convolutions' outputs.

A pointwise convolution is a product :math:`D W` of pixels by channels with a matrix. Mean and
variance of its output follow from those of its input, :math:`m` and :math:`\Sigma`: they are
:math:`W^T m` and :math:`\mathrm{diag}(W^T \Sigma W)`. So

.. math:: w\,\mathrm{BN}(D W) = D A + b,\quad A = w W \mathrm{diag}(r),\quad b = -m^T A

with :math:`r` one over the standard deviations: a small covariance and one product, and neither
the convolution nor what BN makes of it is ever stored. The small matrices of many products are
batched, since the overhead of a call exceeds its arithmetic.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nasbench.nn.processes import place, sum_together


class Small(NamedTuple):
    """The gradients of fitted products other than those of images.

    Attributes:
        weights: of ``w``, shape ``(M,)``.
        matrices: of ``W``, shape ``(M, K, C)``.
        spread: shape ``(M, K, K)``; gives the gradients of the pixels together with ``row``.
        row: shape ``(M, K)``.
    """

    weights: Tensor
    matrices: Tensor
    spread: Tensor
    row: Tensor


class Fitted:
    """The BN statistics of M products and what follows from them; stores nothing large.

    Of several processes the statistics are those of all pixels, one exchange in either pass.

    Args:
        pixels: D, ``M`` of shape ``(n, K)``.
        kernels: the weights of the convolutions, ``M`` of shape ``(C, K, 1, 1)``.
        weights: w, shape ``(M,)``, or ``None`` for 1.
        eps: of BN.

    Attributes:
        scaled: A, shape ``(M, K, C)``.
        biases: b, shape ``(M, C)``.
    """

    def __init__(
        self,
        pixels: Sequence[Tensor],
        kernels: Sequence[Tensor],
        weights: Tensor | None,
        eps: float,
    ) -> None:
        self.n = enough(len(pixels[0])) * place().world
        self.matrices = torch.stack([k.flatten(1) for k in kernels]).transpose(1, 2)
        total, square = sum_together(sums(pixels), products(pixels, pixels))
        self.mean = total.div_(self.n)
        self.covariance = square.baddbmm_(
            self.mean.unsqueeze(2), self.mean.unsqueeze(1), beta=1 / self.n, alpha=-1
        )
        self.through = self.covariance @ self.matrices
        self.variance = (self.through * self.matrices).sum(1).clamp_min_(0)
        self.scale = (self.variance + eps).rsqrt_()
        self.factor = self.scale if weights is None else self.scale * weights.unsqueeze(1)
        self.scaled = self.matrices * self.factor.unsqueeze(1)
        self.biases = (self.mean.unsqueeze(1) @ self.scaled).squeeze(1).neg_()

    def output(self, index: int, pixels: Tensor) -> Tensor:
        """Return D A + b of one product, shape ``(n, C)``."""
        return torch.addmm(self.biases[index], pixels, self.scaled[index])

    def small_gradients(self, pixels: Sequence[Tensor], grads: Sequence[Tensor]) -> Small:
        """Return the small gradients, over all pixels of all processes.

        Each process returns its share of those of ``weights`` and ``matrices``, as it would if
        every one had its own weights: their mean over the processes is the gradient of the mean
        of their losses.

        Args:
            pixels: D of each product.
            grads: of each output, shape ``(n, C)``; of a sum it is the same for all.
        """
        totals, crossed = sum_together(sums(grads), products(pixels, grads))
        d_scaled = crossed.baddbmm_(self.mean.unsqueeze(2), totals.unsqueeze(1), alpha=-1)
        by_column = (d_scaled * self.matrices).sum(1)
        d_weights = (by_column * self.scale).sum(1)
        d_variance = (by_column * self.factor * self.scale.square()).mul_(-0.5).unsqueeze(1)
        d_matrices = d_scaled * self.factor.unsqueeze(1) + self.through * (2 * d_variance)
        d_covariance = (self.matrices * d_variance) @ self.matrices.transpose(1, 2)
        if (world := place().world) > 1:
            d_weights, d_matrices = d_weights / world, d_matrices / world
        d_mean = self.scaled @ totals.unsqueeze(2) + 2 * (d_covariance @ self.mean.unsqueeze(2))
        row = d_mean.squeeze(2).div_(-self.n)
        return Small(d_weights, d_matrices, d_covariance.mul_(2 / self.n), row)

    def pixel_gradient(self, index: int, pixels: Tensor, grad: Tensor, small: Small) -> Tensor:
        """Return the gradient of one D, shape ``(n, K)``.

        Args:
            index: of the product, in ``[0, M)``.
            pixels: D, shape ``(n, K)``.
            grad: the gradient of the output, shape ``(n, C)``.
            small: the small gradients of all products.
        """
        found = torch.addmm(small.row[index], grad, self.scaled[index].t())
        return found.addmm_(pixels, small.spread[index])

    def track(self, norms: Sequence[nn.BatchNorm2d]) -> None:
        """Update running statistics as a forward pass of BN does."""
        means = (self.mean.unsqueeze(1) @ self.matrices).squeeze(1)
        move(norms, means, self.variance * (self.n / max(1, self.n - 1)))


def enough(n: int) -> int:
    """Return ``n``, the number of values per channel.

    Raises:
        ValueError: it is 1; the message is that of torch's BN.
    """
    if n == 1:
        raise ValueError("Expected more than 1 value per channel when training")
    return n


def products(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """Return the products over the pixels ``(n, K)`` and ``(n, C)``, shape ``(M, K, C)``."""
    made = left[0].new_empty(len(left), left[0].shape[1], right[0].shape[1])
    for a, b, out in zip(left, right, made.unbind(), strict=True):
        torch.mm(a.t(), b, out=out)
    return made


def sums(pixels: Sequence[Tensor]) -> Tensor:
    """Return the sums over the pixels ``(n, C)``, shape ``(M, C)``; faster than ``sum(0)``."""
    ones = _ones(len(pixels[0]), pixels[0].dtype)
    if all(one is pixels[0] for one in pixels):
        return torch.mv(pixels[0].t(), ones).expand(len(pixels), -1)
    return torch.stack([torch.mv(one.t(), ones) for one in pixels])


@functools.lru_cache(maxsize=16)
def _ones(n: int, dtype: torch.dtype) -> Tensor:
    return torch.ones(n, dtype=dtype)


def move(norms: Sequence[nn.BatchNorm2d], means: Tensor, variances: Tensor) -> None:
    """Update running statistics as a forward pass of BN does.

    Args:
        norms: ``M`` layers of ``C`` channels with the same momentum.
        means: shape ``(M, C)``.
        variances: the unbiased variances, shape ``(M, C)``.
    """
    counts = [_tracked(norm.num_batches_tracked) for norm in norms]
    torch._foreach_add_(counts, 1)
    momentum = norms[0].momentum
    if momentum is None:
        momentum = 1 / float(counts[0])
    torch._foreach_lerp_([_tracked(norm.running_mean) for norm in norms], means.unbind(), momentum)
    torch._foreach_lerp_(
        [_tracked(norm.running_var) for norm in norms], variances.unbind(), momentum
    )


def _tracked(buffer: Tensor | None) -> Tensor:
    assert buffer is not None  # every norm here tracks its statistics
    return buffer
