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
        spread: S, shape ``(M, K, K)``: the gradient of D is that of the outputs times the
            transposed A, plus D S and a row.
        rows: shape ``(M, K)``.
    """

    weights: Tensor
    matrices: Tensor
    spread: Tensor
    rows: Tensor


class Fitted:
    """The BN statistics of M products and what follows from them; stores nothing large.

    Of several processes the statistics are those of all pixels, one exchange in either pass.

    Args:
        n: pixels of each product in this process.
        total: the sums of D, shape ``(M, K)``; overwritten.
        square: the products of D with itself over the pixels, shape ``(M, K, K)``; overwritten.
        kernels: the weights of the convolutions, ``M`` of shape ``(C, K, 1, 1)``.
        weights: w, shape ``(M,)``, or ``None`` for 1.
        eps: of BN.

    Attributes:
        scaled: A, shape ``(M, K, C)``.
        biases: b, shape ``(M, C)``.
    """

    def __init__(
        self,
        n: int,
        total: Tensor,
        square: Tensor,
        kernels: Sequence[Tensor],
        weights: Tensor | None,
        eps: float,
    ) -> None:
        self.n = enough(n) * place().world
        c, k = kernels[0].shape[:2]
        # Contiguous, so that the matrices of a bundle are one matrix.
        self.matrices = torch.cat(list(kernels)).view(-1, c, k).transpose(1, 2).contiguous()
        total, square = sum_together(total, square)
        self.mean = total.div_(self.n)
        self.covariance = square.baddbmm_(
            self.mean.unsqueeze(2), self.mean.unsqueeze(1), beta=1 / self.n, alpha=-1
        )
        self.through = torch.bmm(self.covariance, self.matrices)
        self.variance = (self.through * self.matrices).sum(1).clamp_min_(0)
        self.scale = (self.variance + eps).rsqrt_()
        self.factor = self.scale if weights is None else self.scale * weights.unsqueeze(1)
        self.scaled = self.matrices * self.factor.unsqueeze(1)
        self.biases = torch.bmm(self.mean.unsqueeze(1), self.scaled).squeeze(1).neg_()

    def small(self, totals: Tensor, crossed: Tensor) -> Small:
        """Return the small gradients, over all pixels of all processes.

        Each process returns its share of those of ``weights`` and ``matrices``, as it would if
        every one had its own weights: their mean over the processes is the gradient of the mean
        of their losses.

        Args:
            totals: the sums of the outputs' gradients, shape ``(M, C)``.
            crossed: the products of D with them over the pixels, shape ``(M, K, C)``; overwritten.
        """
        totals, crossed = sum_together(totals, crossed)
        d_scaled = crossed.baddbmm_(self.mean.unsqueeze(2), totals.unsqueeze(1), alpha=-1)
        by_column = (d_scaled * self.matrices).sum(1)
        d_weights = (by_column * self.scale).sum(1)
        d_variance = (by_column * self.factor * self.scale.square()).mul_(-0.5).unsqueeze(1)
        d_matrices = d_scaled * self.factor.unsqueeze(1) + self.through * (2 * d_variance)
        d_covariance = torch.bmm(self.matrices * d_variance, self.matrices.transpose(1, 2))
        if (world := place().world) > 1:
            d_weights, d_matrices = d_weights / world, d_matrices / world
        d_mean = torch.bmm(self.scaled, totals.unsqueeze(2))
        d_mean.baddbmm_(d_covariance, self.mean.unsqueeze(2), alpha=2)
        row = d_mean.squeeze(2).div_(-self.n)
        return Small(d_weights, d_matrices, d_covariance.mul_(2 / self.n), row)

    def track(self, norms: Sequence[nn.BatchNorm2d]) -> None:
        """Update running statistics as a forward pass of BN does."""
        means = torch.bmm(self.mean.unsqueeze(1), self.matrices).squeeze(1)
        variances = self.variance * (self.n / max(1, self.n - 1))
        move(norms, means.unbind(), variances.unbind())


class FittedBundles(Fitted):
    """Fitted products whose pixels come in bundles.

    A tensor of shape ``(n, m K)`` holds the pixels of ``m`` products side by side.

    Args:
        pixels: D of each bundle, shape ``(n, m K)``.
        counts: m of each bundle, ``M`` in all.
        kernels: the weights of the convolutions, ``M`` of shape ``(C, K, 1, 1)``.
        weights: w, shape ``(M,)``, or ``None`` for 1.
        eps: of BN.
    """

    def __init__(
        self,
        pixels: Sequence[Tensor],
        counts: list[int],
        kernels: Sequence[Tensor],
        weights: Tensor | None,
        eps: float,
    ) -> None:
        self.counts = counts
        k = kernels[0].shape[1]
        total, square = sums(pixels, counts, k), products(pixels, pixels, counts, k, k)
        super().__init__(len(pixels[0]), total, square, kernels, weights, eps)
        below = self.scaled.flatten(0, 1)
        self.below = list(torch.split(below, [m * k for m in counts]))  # of each bundle one

    def outputs(self, pixels: Sequence[Tensor]) -> list[Tensor]:
        """Return D A + b of each bundle, shape ``(n, m C)``."""
        c = self.biases.shape[1]
        biases = torch.split(self.biases.flatten(), [m * c for m in self.counts])
        parts = zip(pixels, self.below, biases, self.counts, strict=True)
        return [_affine(*part) for part in parts]

    def sum(self, pixels: Sequence[Tensor]) -> Tensor:
        """Return the sum of D A + b over all products, shape ``(n, C)``."""
        total = torch.addmm(self.biases.sum(0), pixels[0], self.below[0])
        for one, matrix in zip(pixels[1:], self.below[1:], strict=True):
            total.addmm_(one, matrix)
        return total

    def small_gradients(self, pixels: Sequence[Tensor], grads: Sequence[Tensor | None]) -> Small:
        """Return the small gradients, as :meth:`small` does.

        Args:
            pixels: D of each bundle.
            grads: of the outputs of each bundle, shape ``(n, m C)``, or ``(n, C)`` if it is the
                same for all of them; ``None`` for 0.
        """
        k, c = self.matrices.shape[1:]
        return self.small(sums(grads, self.counts, c), products(pixels, grads, self.counts, k, c))

    def pixel_gradient(self, bundle: int, pixels: Tensor, grad: Tensor, small: Small) -> Tensor:
        """Return the gradient of the pixels of a bundle, shape ``(n, m K)``.

        Args:
            bundle: its index.
            pixels: D, shape ``(n, m K)``.
            grad: the gradient of the outputs, shape ``(n, m C)`` or ``(n, C)``.
            small: the small gradients of all products.
        """
        m, below, start = self.counts[bundle], self.below[bundle], sum(self.counts[:bundle])
        spread, row = small.spread[start : start + m], small.rows[start : start + m].flatten()
        if grad.shape[1] == below.shape[1]:
            made = torch.addmm(row, grad, below.t())
        else:
            matrices = below.view(m, -1, below.shape[1]).transpose(1, 2)
            made = _add_products(row.expand(len(grad), -1).contiguous(), grad, matrices)
        return made.addmm_(pixels, spread[0]) if m == 1 else _add_products(made, pixels, spread)


def _affine(pixels: Tensor, below: Tensor, biases: Tensor, m: int) -> Tensor:
    """Return the products of a bundle ``(n, m K)`` with ``(m K, C)``, plus ``(m C,)``."""
    if m == 1:
        return torch.addmm(biases, pixels, below)
    made = biases.expand(len(pixels), -1).contiguous()
    return _add_products(made, pixels, below.view(m, -1, below.shape[1]))


def _add_products(made: Tensor, pixels: Tensor, matrices: Tensor) -> Tensor:
    """Add the products of a bundle ``(n, m K)`` with ``(m, K, C)`` to ``(n, m C)``, in place."""
    m = len(matrices)
    out, one = (x.view(len(x), m, -1).transpose(0, 1) for x in (made, pixels))
    out.baddbmm_(one, matrices)
    return made


def enough(n: int) -> int:
    """Return ``n``, the number of values per channel.

    Raises:
        ValueError: it is 1; the message is that of torch's BN.
    """
    if n == 1:
        raise ValueError("Expected more than 1 value per channel when training")
    return n


def products(
    left: Sequence[Tensor], right: Sequence[Tensor | None], counts: list[int], k: int, c: int
) -> Tensor:
    """Return the products over the pixels, shape ``(M, K, C)``.

    Args:
        left: bundles of shape ``(n, m K)``.
        right: bundles of shape ``(n, m C)``, or ``(n, C)`` for a factor of the whole bundle;
            ``None`` for 0.
        counts: m of each bundle.
        k: K.
        c: C.
    """
    made = left[0].new_empty(sum(counts) * k, c)
    parts = torch.split(made, [m * k for m in counts])
    for a, b, out, m in zip(left, right, parts, counts, strict=True):
        if b is None:
            out.zero_()
        elif b.shape[1] == c:
            torch.mm(a.t(), b, out=out)
        else:
            one, other = (x.view(len(x), m, -1) for x in (a, b))
            torch.bmm(one.permute(1, 2, 0), other.transpose(0, 1), out=out.view(m, k, c))
    return made.view(-1, k, c)


def sums(pixels: Sequence[Tensor | None], counts: list[int], c: int) -> Tensor:
    """Return the sums over the pixels, shape ``(M, C)``; faster than ``sum(0)``.

    Args:
        pixels: bundles of shape ``(n, m C)``, or ``(n, C)`` for the same of all bundles; ``None``
            for 0.
        counts: m of each bundle.
        c: C.
    """
    known = next(one for one in pixels if one is not None)
    ones = _ones(len(known), known.dtype)
    if all(one is known for one in pixels) and known.shape[1] == c:
        return torch.mv(known.t(), ones).expand(sum(counts), -1)
    made = [
        known.new_zeros(m * c) if one is None else torch.mv(one.t(), ones)
        for one, m in zip(pixels, counts, strict=True)
    ]
    return torch.cat(made).view(-1, c)


@functools.lru_cache(maxsize=16)
def _ones(n: int, dtype: torch.dtype) -> Tensor:
    return torch.ones(n, dtype=dtype)


def move(
    norms: Sequence[nn.BatchNorm2d],
    means: tuple[Tensor, ...] | list[Tensor],
    variances: tuple[Tensor, ...] | list[Tensor],
) -> None:
    """Update running statistics as a forward pass of BN does.

    Args:
        norms: ``M`` layers of ``C`` channels with the same momentum.
        means: of each, shape ``(C,)``.
        variances: the unbiased variances.
    """
    counts = [_tracked(norm.num_batches_tracked) for norm in norms]
    torch._foreach_add_(counts, 1)
    momentum = norms[0].momentum
    if momentum is None:
        momentum = 1 / float(counts[0])
    torch._foreach_lerp_([_tracked(norm.running_mean) for norm in norms], means, momentum)
    torch._foreach_lerp_([_tracked(norm.running_var) for norm in norms], variances, momentum)


def _tracked(buffer: Tensor | None) -> Tensor:
    assert buffer is not None  # every norm here tracks its statistics
    return buffer
