"""RobustDARTS: early stopping of the architecture when the validation loss becomes too sharp.

Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020,
section 4.3: architectures generalize badly once the largest eigenvalue of the validation loss's
Hessian in the architecture parameters has jumped. The Hessian is never formed: Lanczos' iteration
(Golub and Van Loan, "Matrix Computations", chapter 10) needs only its products with vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nasbench.strategies.oneshot.base import Batch
from nasbench.strategies.oneshot.evaluation import Loss, evaluation_mode, substituted
from nasbench.supernet.base import no_grad_for
from nasbench.supernet.mixture import Mixture
from nasbench.training.distributed import agree, average, global_batch, own_rows
from nasbench.training.objective import Objective

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
        with substituted(parameters, there):
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
        start: shape ``(n,)``, not 0; a random one has a component in every direction.
        steps: the largest number of products.
        tolerance: the iteration ends where the residual is below this share of the eigenvalue.
    """
    basis = start[None] / start.norm()
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        with torch.enable_grad():
            image = product(basis[-1])
        diagonal.append(float(image @ basis[-1]))
        for _ in range(2):  # the second pass removes what rounding left
            image = image - basis.T @ (basis @ image)
        norm = float(image.norm())
        # The basis turns the matrix into a tridiagonal one; eigh reads its lower half only.
        tridiagonal = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
        tridiagonal += torch.diag(torch.tensor(beside, dtype=torch.float64), -1)
        values, vectors = torch.linalg.eigh(tridiagonal)
        eigenvalue, last = float(values[-1]), float(vectors[-1, -1])
        enough = norm * abs(last) <= tolerance * abs(eigenvalue)
        if enough or len(diagonal) == min(steps, len(start)):
            return eigenvalue
        beside.append(norm)
        basis = torch.cat([basis, image[None] / norm])


WINDOW = 5  # epochs: of the mean, and between the two that are compared
RATIO = 4 / 3
BACK = WINDOW // 2 + WINDOW  # from the last epoch to the middle of the earlier mean


class EarlyStop(nn.Module):
    """Measures the eigenvalue after each epoch; on a jump, restores an earlier architecture.

    That is the architecture in the middle of the earlier of the two means that are compared.

    Args:
        objective: the loss; always computed in full precision.
        stream: returns the random stream of a name.
        acts: whether the architecture is restored; otherwise the eigenvalue is only measured.

    Attributes:
        stopped: whether the architecture is final.
        eigenvalue: the one measured at the beginning of this epoch, or ``None``.
        eigenvalues: those of all epochs in which the architecture moved.
    """

    def __init__(
        self,
        objective: Objective,
        stream: Callable[[object, object], np.random.Generator],
        acts: bool = True,
    ) -> None:
        super().__init__()
        self._objective = replace(objective, precision="fp32")
        self._stream = stream
        self._acts = acts
        self._epoch = -1
        self._batch: list[Tensor] | None = None
        self._alphas: list[list[Tensor]] = []  # of as many epochs as are compared
        self._first = 0  # the first eigenvalue of the present supernet
        self.stopped = False
        self.eigenvalue: float | None = None
        self.eigenvalues: list[float] = []

    def remember(self, batch: Batch) -> None:
        """Keep the validation batch of a step that moved the architecture."""
        self._batch = list(batch)

    def begin_epoch(self, epoch: int, mixture: Mixture) -> None:
        """Judge the previous epoch, unless this epoch has begun before."""
        if self._batch is not None:  # that of a file is on the CPU
            device = mixture.arch_parameters[0].device
            self._batch = [tensor.to(device) for tensor in self._batch]
        if epoch > self._epoch:
            self._epoch, self.eigenvalue = epoch, None
            self.look(mixture)

    def look(self, mixture: Mixture) -> None:
        """Measure an architecture that has moved since; on a jump, restore an earlier one."""
        if self._batch is None or self.stopped:
            return
        self.eigenvalue = self.measure(mixture)
        self._batch = None
        self.eigenvalues.append(self.eigenvalue)
        self._alphas.append([a.detach().clone() for a in mixture.arch_parameters])
        self._alphas = self._alphas[-BACK - 1 :]
        if self._acts and jumped(self.of_stage()):
            self.stopped = True
            with torch.no_grad():
                torch._foreach_copy_(list[Tensor](mixture.arch_parameters), self._alphas[0])

    def begin_stage(self) -> None:
        """Compare what is measured from here on: a changed supernet has other eigenvalues."""
        self._first, self._alphas = len(self.eigenvalues), []

    def of_stage(self) -> list[float]:
        """Return the eigenvalues of the present supernet."""
        return self.eigenvalues[self._first :]

    def measure(self, mixture: Mixture) -> float:
        """Return the largest eigenvalue on the kept batches of all processes."""
        alphas = mixture.arch_parameters
        assert self._batch is not None
        device = alphas[0].device
        images, labels = (tensor.to(device) for tensor in self._batch)
        own = difference_product(lambda: self._objective(mixture, images, labels)[0], alphas)

        def product(vector: Tensor) -> Tensor:
            found = own(vector)
            average([found])  # or one process would take more products than another, and wait
            return found

        size = sum(a.numel() for a in alphas)
        draw = self._stream("hessian", len(self.eigenvalues)).standard_normal(size)
        with evaluation_mode(mixture), no_grad_for(mixture.weight_parameters):
            found = largest_eigenvalue(product, torch.from_numpy(draw).to(alphas[0]))
        return agree(found, device)

    def metrics(self, device: torch.device) -> dict[str, Tensor]:
        """Return the eigenvalue for the journal, in every step of the epoch after it."""
        if self.eigenvalue is None:
            return {}
        return {"hessian_eigenvalue": torch.tensor(self.eigenvalue, device=device)}

    def get_extra_state(self) -> dict[str, Any]:
        """Return the measurements so far, for the ``state_dict``.

        All processes call it together: one of them saves the rows of all.
        """
        batch = self._batch
        return {
            "epoch": self._epoch,
            "batch": None if batch is None else [global_batch(tensor) for tensor in batch],
            "alphas": self._alphas,
            "first": self._first,
            "stopped": self.stopped,
            "eigenvalue": self.eigenvalue,
            "eigenvalues": list(self.eigenvalues),
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`get_extra_state`, with this process's rows of the batch."""
        batch = state["batch"]
        self._batch = None if batch is None else [own_rows(tensor) for tensor in batch]
        self._epoch = state["epoch"]
        self._alphas = list(state["alphas"])
        self._first = state.get("first", 0)  # absent from older states
        self.stopped = state["stopped"]
        self.eigenvalue, self.eigenvalues = state["eigenvalue"], list(state["eigenvalues"])


def jumped(eigenvalues: list[float]) -> bool:
    """Return whether the smoothed eigenvalue has grown by more than a factor of 4/3 in 5 epochs.

    Both values are means over 5 epochs, so that 10 epochs are needed, and the earlier one must be
    above 0.
    """
    before, now = eigenvalues[-2 * WINDOW : -WINDOW], eigenvalues[-WINDOW:]
    if len(before) < WINDOW:
        return False
    return 0 < RATIO * fmean(before) < fmean(now)
