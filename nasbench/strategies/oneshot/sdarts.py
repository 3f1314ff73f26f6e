"""SDARTS: Stabilizing Differentiable Architecture Search via Perturbation-based Regularization.

Chen and Hsieh, ICML 2020. The weights are trained under an architecture that is moved within a
box, at random (equation (4), SDARTS-RS) or to where the loss is worst (equation (5), SDARTS-ADV),
so that the loss stays flat around the architecture, which is trained as in DARTS. It is a box of
mixing weights; those that leave [0, 1] are clipped, and all are divided by their sum, as in the
authors' code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nasbench.options import option
from nasbench.strategies.oneshot.base import Batch
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
)
from nasbench.strategies.oneshot.evaluation import frozen_bn_statistics
from nasbench.strategies.recipe import DARTS, NASBENCH201, RECIPES, Recipe
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
    """The softmax, or the given weights in its place.

    Attributes:
        weights: label to mixing weights, ``(n,)``; other labels have the softmax.
    """

    def __init__(self) -> None:
        self.weights: Mapping[str, Tensor] = {}

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return the given weights, or the softmax."""
        given = self.weights.get(label)
        return MixingWeights(self.expected(label, alpha) if given is None else given)


def clipped(values: Tensor) -> Tensor:
    """Return ``values``, ``(n,)``, clipped to [0, 1] and divided by their sum.

    If none is above 0, the largest one becomes 1.
    """
    within = values.clamp(0, 1)
    largest = (torch.arange(len(values), device=values.device) == values.argmax()).to(within)
    within = torch.where(within.sum() > 0, within, largest)
    return within / within.sum()


class SdartsStrategy(DifferentiableStrategy):
    """First-order DARTS whose weights see a perturbed architecture.

    Raises:
        UserError: a choice of the space has no mixture.
    """

    Options = SdartsOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        **RECIPES,
        "darts": DARTS.but(
            "SmoothDARTS (arXiv:2002.05283), section 5; sota/cnn/train_search.py, train.py"
        ),
        "nas-bench-201": NASBENCH201.but(
            "SmoothDARTS (arXiv:2002.05283), section 5; nasbench201/train_search.py",
            search={"epochs": 100, "nesterov": False, "weight_decay": 3e-4},
        ),
    }
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
        with torch.no_grad():
            plain = {label: self.plain(label) for label in self.mixture.labels}
            moved = {label: self.random(weights) for label, weights in plain.items()}
        try:
            if self.options.perturbation == "adversarial":
                moved = self.attack(plain, moved, train)
            self.perturbed.weights = moved
            return super().weight_step(train)
        finally:
            self.perturbed.weights = {}

    def plain(self, label: str) -> Tensor:
        """Return the unperturbed mixing weights of the candidates that remain, ``(n,)``."""
        alpha = self.mixture.alpha(label)
        return self.perturbed.expected(label, alpha[self.mixture.kept[label]])

    def random(self, weights: Tensor) -> Tensor:
        """Return ``weights``, ``(n,)``, moved uniformly within the box and clipped."""
        bound = self.epsilon
        return clipped(weights + torch.empty_like(weights).uniform_(-bound, bound))

    def attack(
        self, plain: Mapping[str, Tensor], start: Mapping[str, Tensor], train: Batch
    ) -> dict[str, Tensor]:
        """Return weights that raise the training loss, by steps along the gradient's sign.

        They are ``plain`` if that has the higher loss. All processes attack the mean of their
        batches, so that they share one architecture.

        Args:
            plain: label to the unperturbed weights, the middle of the box.
            start: label to the weights to start from.
            train: the batch whose loss is raised.
        """
        length, bound = 2 * self.epsilon / self.options.attack_steps, self.epsilon

        def loss(weights: Mapping[str, Tensor]) -> Tensor:
            self.perturbed.weights = weights
            return self.objective(self.mixture, *train)[0]

        with frozen_bn_statistics(self.mixture), no_grad_for(self.mixture.parameters()):
            now = dict(start)
            for _ in range(self.options.attack_steps):
                moving = {label: weights.requires_grad_() for label, weights in now.items()}
                gradients = torch.autograd.grad(
                    loss(moving), list(moving.values()), materialize_grads=True
                )
                average(gradients)
                for (label, weights), gradient in zip(moving.items(), gradients, strict=True):
                    shift = weights.detach() + length * gradient.sign() - plain[label]
                    now[label] = clipped(plain[label] + shift.clamp(-bound, bound))
            with torch.no_grad():
                both = torch.stack([loss(plain), loss(now)])
            average([both])
        return dict(plain) if both[0] > both[1] else now
