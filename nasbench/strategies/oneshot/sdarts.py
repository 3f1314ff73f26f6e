"""SDARTS: Stabilizing Differentiable Architecture Search via Perturbation-based Regularization.

Chen and Hsieh, ICML 2020. The weights are trained under an architecture that is moved within a
box, at random (equation (4), SDARTS-RS) or to where the loss is worst (equation (5), SDARTS-ADV),
so that the loss stays flat around the architecture, which is trained as in DARTS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nasbench.options import option
from nasbench.strategies.oneshot.base import Batch
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
)
from nasbench.strategies.oneshot.evaluation import frozen_bn_statistics
from nasbench.supernet.base import no_grad_for
from nasbench.supernet.mixing_weights import MixingRule, MixingWeights, search_progress
from nasbench.training.distributed import average

PERTURBATIONS = ("random", "adversarial")


@dataclass(frozen=True)
class SdartsOptions(DifferentiableOptions):
    """Options of ``sdarts``."""

    perturbation: str = option(
        "random", "Perturbation of the mixing weights in a weight step.", allowed=PERTURBATIONS
    )
    epsilon: float = option(
        0.3, "Largest change of a mixing weight, in the last epoch.", above=0, high=1
    )
    epsilon_min: float = option(
        0.03, "The same in the first epoch; it grows linearly.", low=0, high="epsilon"
    )
    attack_steps: int = option(
        7, "Gradient steps of each attack.", low=1, only_with=("perturbation", "adversarial")
    )


class Perturbed(MixingRule):
    """The softmax, moved by ``shifts`` and put back onto the simplex.

    Attributes:
        shifts: label to how far each weight is moved, ``(n,)``; labels without one stay.
    """

    def __init__(self) -> None:
        self.shifts: Mapping[str, Tensor] = {}

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return the moved weights."""
        weights = self.expected(label, alpha)
        if label not in self.shifts:
            return MixingWeights(weights)
        return MixingWeights(onto_simplex(weights + self.shifts[label]))


def onto_simplex(values: Tensor) -> Tensor:
    """Return the nearest weights that are at least 0 and sum to 1; shape ``(n,)``.

    Duchi et al., "Efficient Projections onto the l1-Ball", ICML 2008, figure 1.
    """
    ordered = values.sort(descending=True).values
    counts = torch.arange(1, len(values) + 1, device=values.device)
    excess = (ordered.cumsum(0) - 1) / counts
    return (values - excess.max()).clamp_min(0)


class SdartsStrategy(DifferentiableStrategy):
    """First-order DARTS whose weights see a perturbed architecture.

    Raises:
        UserError: a choice of the space has no mixture.
    """

    Options = SdartsOptions
    options: SdartsOptions
    perturbed: Perturbed

    def rule(self) -> MixingRule:
        """Return the softmax, perturbed during weight steps."""
        self.perturbed = Perturbed()
        self.epsilon = self.options.epsilon_min
        return self.perturbed

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Widen the box."""
        least, most = self.options.epsilon_min, self.options.epsilon
        self.epsilon = least + (most - least) * search_progress(epoch, epochs)
        super().begin_epoch(epoch, epochs)

    def weight_step(self, train: Batch) -> dict[str, Tensor]:
        """Move the weights under the perturbed architecture."""
        shifts = self.random_shifts()
        self.perturbed.shifts = shifts
        try:
            if self.options.perturbation == "adversarial":
                self.attack(shifts, train)
            return super().weight_step(train)
        finally:
            self.perturbed.shifts = {}

    def random_shifts(self) -> dict[str, Tensor]:
        """Return label to a draw from the box, for the candidates that are left."""
        mixture, bound = self.mixture, self.epsilon
        kept = mixture.kept.items()
        drawn = {label: mixture.alpha(label).new_empty(len(places)) for label, places in kept}
        return {label: shift.uniform_(-bound, bound) for label, shift in drawn.items()}

    def attack(self, shifts: Mapping[str, Tensor], train: Batch) -> None:
        """Move the shifts, in place, up the training loss by steps of the gradient's sign.

        All processes attack the mean of their batches, so that they share one architecture.
        """
        moving = [shift.requires_grad_() for shift in shifts.values()]
        length = 2 * self.epsilon / self.options.attack_steps
        with frozen_bn_statistics(self.mixture), no_grad_for(self.mixture.parameters()):
            for _ in range(self.options.attack_steps):
                loss, _ = self.objective(self.mixture, *train)
                gradients = torch.autograd.grad(loss, moving, materialize_grads=True)
                average(gradients)
                with torch.no_grad():
                    for shift, gradient in zip(moving, gradients, strict=True):
                        shift.add_(length * gradient.sign()).clamp_(-self.epsilon, self.epsilon)
        for shift in moving:
            shift.requires_grad_(False)
