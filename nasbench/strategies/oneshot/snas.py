"""SNAS: stochastic neural architecture search (Xie, Zheng, Liu, Lin; ICLR 2019).

Every pass mixes all candidates by a soft sample of the concrete distribution, equation (4), whose
temperature falls. There is one level only (section 2.2, equation (3)): weights and architecture
go down the same training loss, in one backward pass. So the validation half is not used in
training. The paper's constraint on resources (section 2.4) is the penalty of the search's limits.
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
from nasbench.strategies.recipe import DARTS, RECIPES, Recipe
from nasbench.supernet.mixing_weights import SoftGumbel, search_progress


@dataclass(frozen=True)
class SnasOptions(DifferentiableOptions):
    """Options of ``snas``."""

    tau_max: float = option(1.0, "Temperature of the samples in the first epoch.", above=0)
    tau_min: float = option(
        0.03, "Temperature in the last epoch; it falls linearly.", above=0, high="tau_max"
    )


class SnasStrategy(DifferentiableStrategy):
    """A mixture with random weights, trained with its architecture on one loss.

    Raises:
        UserError: a choice of the space has no mixture.
    """

    Options = SnasOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        **RECIPES,
        "darts": DARTS.but(
            "SNAS (arXiv:1812.09926), section 3 and appendix; SNAS/train_search.py, train.py",
            search={"epochs": 150},
        ),
    }
    options: SnasOptions

    def rule(self) -> SoftGumbel:
        """Return the samples, at the first epoch's temperature."""
        self.samples = SoftGumbel(self.options.tau_max)
        return self.samples

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Lower the temperature."""
        most, least = self.options.tau_max, self.options.tau_min
        self.samples.tau = most + (least - most) * search_progress(epoch, epochs)
        super().begin_epoch(epoch, epochs)

    def arch_step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Leave it to :meth:`weight_step`, which has the only loss."""
        return {}

    def weight_step(self, train: Batch) -> dict[str, Tensor]:
        """Move weights and architecture down the loss on ``train``."""
        if self.early_stop is not None and self.early_stop.stopped:
            return super().weight_step(train)
        loss, logits = self.objective(self.mixture, *train)
        weights = self.weights.params
        gradients = torch.autograd.grad(
            loss + self.regularizer(), [*weights, *self.arch.params], allow_unused=True
        )
        self.weights.apply(gradients[: len(weights)])
        self.arch.apply(gradients[len(weights) :])
        return {"loss": loss.detach(), **self.objective.reported(logits, train[1])}
