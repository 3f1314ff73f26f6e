"""Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search.

Chu, Zhou, Zhang, Li; ECCV 2020. Each candidate has an independent sigmoid instead of a share of a
softmax, so that none gains by another's loss (section 4.1). The zero-one loss, equation (4),
drives the sigmoids apart, and operations above a threshold are chosen (section 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from nasbench.options import option
from nasbench.space import Arch, LayerChoice
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
)
from nasbench.strategies.recipe import DARTS, RECIPES, Recipe
from nasbench.supernet.base import is_zero
from nasbench.supernet.discretization import discretize
from nasbench.supernet.mixing_weights import MixingRule
from nasbench.supernet.mixture import Mixture
from nasbench.training.optimization import OptimizerConfig


class SigmoidRule(MixingRule):
    """Weights in (0, 1), each independent of the others."""

    def expected(self, label: str, alpha: Tensor) -> Tensor:
        """Return sigmoid(alpha), shape ``(n,)``."""
        return alpha.sigmoid()


def zero_one_loss(weights: Tensor) -> Tensor:
    """Return -mean((w - 0.5)^2) of all weights ``(n,)``, between -0.25 and 0; equation (4)."""
    return -(weights - 0.5).square().mean()


@dataclass(frozen=True)
class FairDartsOptions(DifferentiableOptions):
    """Options of ``fairdarts``.

    If no operation of the whole network exceeds the threshold, nothing has been decided yet and
    the strongest ones are chosen. A decision without ``none`` always takes its strongest
    candidate.
    """

    arch_lr: float = 3e-3
    zero_one: float = option(
        10.0, "Weight of the zero-one loss in the architecture's loss.", low=0
    )
    threshold: float = option(
        0.85,
        "Weight that an operation must exceed to be chosen, in a space that may choose none.",
        above=0,
        below=1,
    )


class FairDartsStrategy(DifferentiableStrategy):
    """A mixture by sigmoids without ``none``, which weak operations already express.

    Raises:
        UserError: a choice of the space has no mixture.
    """

    Options = FairDartsOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        **RECIPES,
        "darts": DARTS.but(
            "FairDARTS (arXiv:1911.12126), section 5; fairdarts/train_search.py, train.py",
            search={"batch_size": 128, "lr": 0.005},
            options={"arch_lr": 3e-3},
        ),
    }
    options: FairDartsOptions

    def rule(self) -> MixingRule:
        """Return the sigmoids."""
        return SigmoidRule()

    def relax(self) -> Mixture:
        """Return the supernet without ``none``, whose every sigmoid begins at 0.5."""
        mixture = super().relax()
        with torch.no_grad():
            for alpha in mixture.alphas:
                alpha.zero_()
        for label, places in mixture.kept.items():
            zero = zero_places(mixture, label)
            mixture.keep(label, [place for place in places if place not in zero] or places)
        return mixture

    def arch_optimizer(self) -> OptimizerConfig:
        """Return Adam with its usual momentum, as in the authors' code."""
        return replace(super().arch_optimizer(), betas=(0.9, 0.999))

    def regularizer(self) -> Tensor | float:
        """Add the zero-one loss to the penalty, for which the weights of a decision sum to 1."""
        weights = self.mixture.mixing_weights()
        left = [w[self.mixture.kept[label]] for label, w in weights.items()]
        loss = self.options.zero_one * zero_one_loss(torch.cat(left))
        if self.context.penalty is None:
            return loss
        shares = {label: w / w.sum() for label, w in weights.items()}
        return loss + self.options.penalty * self.context.penalty(shares)

    def derive(self) -> Arch:
        """Return the operations above the threshold, or the strongest where one is required."""
        weights = above(self.mixture, self.mixing_weights(), self.options.threshold)
        return discretize(self.domains, self.mixture.by_label, weights)


def zero_places(mixture: Mixture, label: str) -> set[int]:
    """Return the indices of the candidates that are ``none``."""
    choice = mixture.by_label[label]
    if not isinstance(choice, LayerChoice):
        return set()
    return {place for place, layer in enumerate(choice.candidates.values()) if is_zero(layer)}


def above(
    mixture: Mixture, weights: Mapping[str, list[float]], threshold: float
) -> dict[str, list[float]]:
    """Return the weights with those of ``none`` at the threshold, which the others must exceed.

    They are 0 as long as no weight exceeds the threshold.

    Args:
        mixture: the supernet.
        weights: label to the weights of its candidates, in (0, 1).
        threshold: in (0, 1).
    """
    bar = threshold if max(map(max, weights.values())) > threshold else 0.0
    return {
        label: [bar if place in zero_places(mixture, label) else w for place, w in enumerate(ws)]
        for label, ws in weights.items()
    }
