"""The statistics of batch-normalized products and their small gradients, by compiled loops.

The same as :class:`nasbench.supernet.fast.pointwise.Fitted`, whose formulas its module derives,
in one call for all products of a sum instead of dozens of torch's for small matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from nasbench.nn.processes import place, sum_together
from nasbench.supernet.fast.pointwise import enough
from nasbench.supernet.fast.threads import (
    addresses,
    empty,
    fill,
    share,
    table_of,
    within,
    zeros,
)


class Gradients(NamedTuple):
    """The gradients of fitted products other than those of images.

    Attributes:
        weights: of ``w``, shape ``(M,)``.
        kernels: of the convolutions' weights, shape ``(M, C, C)``.
        spread: S, shape ``(M, C, C)``: the gradient of D is that of the outputs times ``turned``,
            plus D S and a row.
        rows: shape ``(M, C)``.
        turned: the transposed A, shape ``(M, C, C)``.
    """

    weights: Tensor
    kernels: Tensor
    spread: Tensor
    rows: Tensor
    turned: Tensor

    def columns(self, which: Sequence[int]) -> dict[str, list[int]]:
        """Return the addresses of some products' matrices, by the columns of units' tables."""
        known = {"TURNED": self.turned, "SPREAD": self.spread, "ROW": self.rows}
        every = {name: within(matrices) for name, matrices in known.items()}
        return {name: [at[i] for i in which] for name, at in every.items()}

    def pointwise(self) -> Sequence[Tensor]:
        """Return the gradients of the convolutions' weights, each ``(C, C, 1, 1)``."""
        return self.kernels[:, :, :, None, None].unbind()


class CompiledFitted:
    """The BN statistics of M products and what follows from them; moves running statistics.

    Of several processes the statistics are those of all pixels, one exchange in either pass.

    Args:
        n: pixels of each product in this process.
        total: the sums of D, shape ``(M, C)``.
        square: the products of D with itself over the pixels, shape ``(M, C, C)``; overwritten.
        kernels: the weights of the convolutions, ``M`` of shape ``(C, C, 1, 1)``.
        weights: w, shape ``(M,)``, or ``None`` for 1.
        norms: the BN behind each product, with the same eps.

    Attributes:
        scaled: A, shape ``(M, C, C)``.
        biases: b, shape ``(M, C)``.
    """

    def __init__(
        self,
        n: int,
        total: Tensor,
        square: Tensor,
        kernels: Sequence[Tensor],
        weights: Tensor | None,
        norms: Sequence[nn.BatchNorm2d],
    ) -> None:
        from nasbench.supernet.fast import fit_kernels

        self._loops: Any = fit_kernels
        self._kernels = kernels  # kept alive: the loops know their addresses
        total, square = sum_together(total.contiguous(), square)
        self._n = enough(n) * place().world
        self._m, self._c = total.shape
        self._table = table_of(fit_kernels, self._m)
        columns = {
            "KERNEL": addresses(kernels),
            "RUNNING_MEAN": addresses([norm.running_mean for norm in norms]),
            "RUNNING_VARIANCE": addresses([norm.running_var for norm in norms]),
            "BATCHES": addresses([norm.num_batches_tracked for norm in norms]),
        }
        fill(self._table, fit_kernels, **columns)
        self._zeros = zeros(self._c)
        self._matrices, self._through, self.scaled = empty(3, self._m, self._c, self._c)
        self._vectors = empty(self._m, 4, self._c)
        self.biases = empty(self._m, self._c)
        weights = None if weights is None else weights.contiguous()
        settings = total.new_tensor([norms[0].eps, *(_momentum(norm) for norm in norms)])
        self._share(
            fit_kernels.fit,
            total=total.data_ptr(),
            square=square.data_ptr(),
            weights=0 if weights is None else weights.data_ptr(),
            settings=settings.data_ptr(),
            biases=self.biases.data_ptr(),
        )

    def _share(self, loop: Any, **arguments: Sequence[int] | int) -> None:
        """Call a loop for all products."""
        known = {
            "c": self._c,
            "table": self._table.ctypes.data,
            "m": self._m,
            "n": self._n,
            "zeros": self._zeros.data_ptr(),
            "matrices": self._matrices.data_ptr(),
            "through": self._through.data_ptr(),
            "vectors": self._vectors.data_ptr(),
            "scaled": self.scaled.data_ptr(),
        }
        share(loop, self._m, **known | arguments)

    def small(self, totals: Tensor, crossed: Tensor) -> Gradients:
        """Return the small gradients, over all pixels of all processes.

        Each process returns its share of those of ``weights`` and ``kernels``, as it would if
        every one had its own weights: their mean over the processes is the gradient of the mean
        of their losses.

        Args:
            totals: the sums of the outputs' gradients, shape ``(M, C)``, or ``(C,)`` for the same
                of all products.
            crossed: the products of D with them over the pixels, shape ``(M, C, C)``;
                overwritten.
        """
        totals, crossed = sum_together(totals.contiguous(), crossed)
        spread, turned, d_kernels = empty(3, self._m, self._c, self._c)
        found = Gradients(empty(self._m), d_kernels, spread, empty(self._m, self._c), turned)
        self._share(
            self._loops.small,
            processes=place().world,
            totals=totals.data_ptr(),
            apart=totals.dim() - 1,
            crossed=crossed.data_ptr(),
            d_weights=found.weights.data_ptr(),
            d_kernels=found.kernels.data_ptr(),
            spread=found.spread.data_ptr(),
            rows=found.rows.data_ptr(),
            turned=found.turned.data_ptr(),
        )
        return found


def _momentum(norm: nn.BatchNorm2d) -> float:
    """Return how much of a batch's statistics the running ones take."""
    if norm.momentum is None:  # the mean of all batches
        assert norm.num_batches_tracked is not None
        return 1 / (1 + int(norm.num_batches_tracked))
    return norm.momentum
