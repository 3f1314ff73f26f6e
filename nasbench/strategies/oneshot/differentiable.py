"""The family of strategies that weight all candidates and learn the weights by gradients.

Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, algorithm 1: each step first
moves the architecture parameters down the validation loss, then the weights down the training
loss. A strategy of the family replaces the rule by which parameters become weights, or a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domains
from nasbench.strategies.oneshot.base import (
    Batch,
    OneShotContext,
    OneShotStrategy,
    SearchData,
    Supernets,
)
from nasbench.strategies.oneshot.robust import EarlyStop
from nasbench.supernet.base import no_grad_for
from nasbench.supernet.mixing_weights import MixingRule
from nasbench.supernet.mixture import Mixture
from nasbench.training.optimization import Optimization, OptimizerConfig


@dataclass(frozen=True)
class DifferentiableOptions(PluginOptions):
    """Options of every differentiable strategy."""

    arch_lr: float = option(3e-4, "Learning rate of Adam on the architecture parameters.", above=0)
    arch_weight_decay: float = option(
        1e-3, "Weight decay of Adam on the architecture parameters.", low=0
    )
    penalty: float = option(
        1.0, "Weight of the excess over the limits in the architecture's loss.", low=0
    )
    robust: bool = option(
        False,
        "Stop the architecture when the validation loss gets too sharp, and return to an earlier "
        "one (RobustDARTS).",
    )
    hessian: bool = option(
        False, "Record the largest eigenvalue of the validation loss's Hessian after each epoch."
    )


def past_warmup(share: float, epoch: int, epochs: int) -> bool:
    """Return whether ``epoch`` is after the warm-up; the last epoch always is.

    Args:
        share: the warm-up's share of the epochs, in [0, 1).
        epoch: counted from 0.
        epochs: their number.
    """
    return epoch >= min(share * epochs, epochs - 1)


class DifferentiableStrategy(OneShotStrategy):
    """A mixture, Adam on its architecture parameters, and any optimizer on its weights."""

    Options = DifferentiableOptions
    options: DifferentiableOptions

    def __init__(
        self,
        supernets: Supernets,
        domains: Domains,
        options: DifferentiableOptions,
        context: OneShotContext,
    ) -> None:
        super().__init__(supernets, domains, options, context)
        self.arch_moves = True  # False while only the weights are trained
        self.install(self.relax())

    def relax(self) -> Mixture:
        """Return the supernet."""
        return Mixture(self.supernets(), self.domains, self.rule())

    def rule(self) -> MixingRule:
        """Return how parameters become weights."""
        return MixingRule()

    def install(self, mixture: Mixture) -> None:
        """Train ``mixture`` from here on, with new optimizers."""
        steps = self.context.total_steps
        self.mixture = mixture
        self.weights = Optimization(mixture.weight_parameters, self.context.weights, steps)
        self.arch = Optimization(mixture.arch_parameters, self.arch_optimizer(), steps)
        robust = self.options.robust
        watches = robust or self.options.hessian
        self.early_stop = (
            EarlyStop(self.objective, self.context.stream, robust) if watches else None
        )

    def arch_optimizer(self) -> OptimizerConfig:
        """Return the optimizer of the architecture parameters."""
        return OptimizerConfig(
            optimizer="adam",
            lr=self.options.arch_lr,
            betas=(0.5, 0.999),
            weight_decay=self.options.arch_weight_decay,
            schedule="constant",
            grad_clip=0.0,
        )

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Measure the sharpness after the previous epoch, if an option asks for it."""
        if self.early_stop is not None:
            self.early_stop.begin_epoch(epoch, self.mixture)

    def step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move the architecture on ``validation``, then the weights on ``train``."""
        metrics = self.arch_step(train, validation) if self.learns else {}
        return {**self.weight_step(train), **metrics, **self.watch(validation)}

    def end_epoch(self, means: Mapping[str, float]) -> None:
        """Pass the epoch's means to the schedule of the weights."""
        self.weights.end_epoch(means)

    @property
    def learns(self) -> bool:
        """Whether the architecture moves in the next step."""
        return self.arch_moves and not (self.early_stop is not None and self.early_stop.stopped)

    def watch(self, validation: Batch) -> dict[str, Tensor]:
        """Keep a step's batch to measure the sharpness on; return the last measurement."""
        if self.early_stop is None:
            return {}
        if self.learns:
            self.early_stop.remember(validation)
        return self.early_stop.metrics(validation[0].device)

    def arch_step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move the architecture down the validation loss, the weights as they are."""
        with no_grad_for(self.weights.params):
            loss, logits = self.objective(self.mixture, *validation)
            self.arch.minimize(loss + self.regularizer())
        found = self.objective.reported(logits, validation[1])
        return {"val_loss": loss.detach(), **{f"val_{k}": value for k, value in found.items()}}

    def regularizer(self) -> Tensor | float:
        """Return the term that is added to the validation loss in the architecture's loss."""
        penalty = self.context.penalty
        if penalty is None:
            return 0.0
        return self.options.penalty * penalty(self.mixture.mixing_weights())

    def weight_step(self, train: Batch) -> dict[str, Tensor]:
        """Move the weights down the training loss, the architecture as it is."""
        with no_grad_for(self.arch.params):
            loss, logits = self.objective(self.mixture, *train)
            self.weights.minimize(loss)
        return {"loss": loss.detach(), **self.objective.reported(logits, train[1])}

    def derive(self) -> Arch:
        """Return the discretized architecture, without ``none`` (DARTS, section 2.4)."""
        return self.mixture.discretize()

    def select(self, data: SearchData) -> Arch:
        """Return the discretized architecture, after a last measurement of the sharpness."""
        if self.early_stop is not None:
            self.early_stop.look(self.mixture)
        return self.derive()

    def forward(self, x: Tensor) -> Tensor:
        """Return the supernet's logits ``(B, classes)``."""
        logits: Tensor = self.mixture(x)
        return logits

    def mixing_weights(self) -> dict[str, list[float]]:
        """Return the expected weights of every decision's candidates."""
        return {k: w.tolist() for k, w in self.mixture.mixing_weights().items()}

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state of both optimizers."""
        return {"weights": self.weights.state_dict(), "arch": self.arch.state_dict()}

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`optimizer_state`."""
        self.weights.load_state_dict(state["weights"])
        self.arch.load_state_dict(state["arch"])
