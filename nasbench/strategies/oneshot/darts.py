"""DARTS: Differentiable Architecture Search (Liu, Simonyan, Yang; ICLR 2019).

Each step first moves the architecture parameters down the validation loss, then the weights down
the training loss. In first order the architecture's gradient takes the weights as they are; in
second order it looks through one step of the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nasbench.errors import UserError
from nasbench.space import Arch, Domains, SearchSpace
from nasbench.strategies.oneshot.base import Batch, OneShotStrategy, Setting
from nasbench.strategies.oneshot.unrolled import still_statistics, unrolled_gradient
from nasbench.supernet.mixture import Mixture
from nasbench.training.distributed import average
from nasbench.training.objective import correct_share
from nasbench.training.optimization import Optimization, OptimizerConfig


@dataclass(frozen=True)
class DartsOptions:
    """Options of ``darts``.

    Attributes:
        order: 1, or 2 for the unrolled gradient.
        arch_lr: learning rate of Adam on the architecture parameters.
        arch_weight_decay: its weight decay.
    """

    order: int = 1
    arch_lr: float = 3e-4
    arch_weight_decay: float = 1e-3

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise UserError(f"-o order={self.order}: allowed: 1, 2")
        if not 0 < self.arch_lr < math.inf:
            raise UserError(f"-o arch_lr={self.arch_lr}: must be a number above 0")
        if not 0 <= self.arch_weight_decay < math.inf:
            raise UserError(
                f"-o arch_weight_decay={self.arch_weight_decay}: must be a number of at least 0"
            )


class DartsStrategy(OneShotStrategy):
    """First- and second-order DARTS on any space that has a mixture.

    Raises:
        UserError: a choice of the space has no mixture, or order 2 meets weights that are not
            trained by SGD, or low precision.
    """

    Options = DartsOptions

    def __init__(
        self, network: SearchSpace, domains: Domains, options: DartsOptions, setting: Setting
    ) -> None:
        super().__init__(network, domains, options, setting)
        if options.order == 2 and setting.weights.optimizer != "sgd":
            raise UserError(
                f"--optimizer {setting.weights.optimizer}: -o order=2 unrolls a step of sgd only"
            )
        if options.order == 2 and setting.objective.precision != "fp32":
            raise UserError(
                f"--precision {setting.objective.precision}: -o order=2 takes differences that "
                "only fp32 can show"
            )
        self.options = options
        self.objective = setting.objective
        self.mixture = Mixture(network, domains)
        self.weights = Optimization(
            self.mixture.weight_parameters, setting.weights, setting.total_steps
        )
        arch = OptimizerConfig(
            optimizer="adam",
            lr=options.arch_lr,
            betas=(0.5, 0.999),
            weight_decay=options.arch_weight_decay,
            schedule="constant",
            grad_clip=0.0,
        )
        self.arch = Optimization(self.mixture.arch_parameters, arch, setting.total_steps)

    def step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move the architecture on ``validation``, then the weights on ``train``."""
        if self.options.order == 1:
            metrics = self._first_order(validation)
        else:
            metrics = self._second_order(train, validation)
        loss, logits = self.objective(self.mixture, *train)
        self.weights.minimize(loss)
        accuracy = correct_share(logits, train[1])
        return {"loss": loss.detach(), "accuracy": accuracy, **metrics}

    def _first_order(self, validation: Batch) -> dict[str, Tensor]:
        loss, logits = self.objective(self.mixture, *validation)
        self.arch.minimize(loss)
        return {
            "val_loss": loss.detach(),
            "val_accuracy": correct_share(logits, validation[1]),
        }

    def _second_order(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        config = self.weights.config
        with still_statistics(self.mixture):
            gradients, loss = unrolled_gradient(
                lambda: self.objective(self.mixture, *train)[0],
                lambda: self.objective(self.mixture, *validation)[0],
                self.mixture.weight_parameters,
                self.mixture.arch_parameters,
                self.weights.momentum_buffers(),
                lr=self.weights.lr,
                momentum=config.momentum,
                weight_decay=config.weight_decay,
                average=average,
            )
        self.arch.apply(gradients)
        return {"val_loss": loss}

    def derive(self) -> Arch:
        """Return the strongest architecture, ``none`` left out (section 2.4)."""
        return self.mixture.strongest()

    def forward(self, x: Tensor) -> Tensor:
        """Return the supernet's logits ``(B, classes)``."""
        logits: Tensor = self.mixture(x)
        return logits

    def mixing_weights(self) -> dict[str, list[float]]:
        """Return the softmax of the architecture parameters."""
        return {k: w.tolist() for k, w in self.mixture.mixing_weights().items()}

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state of both optimizers."""
        return {"weights": self.weights.state_dict(), "arch": self.arch.state_dict()}

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`optimizer_state`."""
        self.weights.load_state_dict(state["weights"])
        self.arch.load_state_dict(state["arch"])
