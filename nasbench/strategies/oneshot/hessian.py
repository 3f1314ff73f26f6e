"""The largest eigenvalue of a loss's Hessian in a few parameters.

Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020,
section 4: of the validation loss, in the architecture parameters. The Hessian is never formed:
Lanczos' iteration (Golub and Van Loan, "Matrix Computations", chapter 10) needs its products only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nasbench.strategies.oneshot.unrolled import Loss, at

Product = Callable[[Tensor], Tensor]

# Length of a difference's arm. Architecture parameters are logits, whose loss bends over lengths
# of about 1; a much shorter arm drowns in the rounding of float32.
ARM = 0.05


def difference_product(
    loss: Loss, parameters: Sequence[nn.Parameter], arm: float = ARM
) -> Product:
    """Return the Hessian's product with a unit vector, as a central difference of the gradient.

    It takes two gradients and no second derivative, which the fast sums of a supernet lack. Where
    the loss is smooth, it is exact up to the arm's square.

    Args:
        loss: evaluates the loss, a scalar, at the present parameters; it must not be random.
        parameters: n numbers altogether.
        arm: length of the step to either side.

    Returns:
        A function of a vector ``(n,)`` of length 1 to the product ``(n,)``.
    """

    def gradient(shift: Tensor) -> Tensor:
        parts = torch.split(shift, [p.numel() for p in parameters])
        there = [p + part.view_as(p) for p, part in zip(parameters, parts, strict=True)]
        with at(parameters, there):
            found = torch.autograd.grad(loss(), parameters, materialize_grads=True)
        return torch.cat([g.reshape(-1) for g in found])

    return lambda vector: (gradient(arm * vector) - gradient(-arm * vector)) / (2 * arm)


@torch.no_grad()
def largest_eigenvalue(
    product: Product, start: Tensor, steps: int = 20, tolerance: float = 0.01
) -> float:
    """Return the largest eigenvalue of a symmetric matrix by Lanczos' iteration.

    Args:
        product: maps a unit vector ``(n,)`` to the matrix's product with it.
        start: shape ``(n,)``, not 0; a random one has a part in every direction.
        steps: products at most.
        tolerance: the iteration ends where the residual is below this share of the eigenvalue.
    """
    basis = start[None] / start.norm()
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        with torch.enable_grad():
            image = product(basis[-1])
        diagonal.append(float(image @ basis[-1]))
        for _ in range(2):  # the second time takes what rounding left
            image = image - basis.T @ (basis @ image)
        norm = float(image.norm())
        eigenvalue, last = _top(diagonal, beside)
        enough = norm * abs(last) <= tolerance * abs(eigenvalue)
        if enough or len(diagonal) == min(steps, len(start)):
            return eigenvalue
        beside.append(norm)
        basis = torch.cat([basis, image[None] / norm])


def _top(diagonal: Sequence[float], beside: Sequence[float]) -> tuple[float, float]:
    """Return a tridiagonal matrix's largest eigenvalue, and the last entry of its vector."""
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    # Of a symmetric matrix, only the lower half is read.
    matrix += torch.diag(torch.tensor(beside, dtype=torch.float64), -1)
    values, vectors = torch.linalg.eigh(matrix)
    return float(values[-1]), float(vectors[-1, -1])
