"""DARTS: Differentiable Architecture Search (Liu, Simonyan, Yang; ICLR 2019).

In first order the architecture's gradient takes the weights as they are; in second order it looks
through one step of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nasbench.errors import UserError
from nasbench.options import option
from nasbench.space import Domains
from nasbench.strategies.oneshot.base import Batch, Setting, Supernets
from nasbench.strategies.oneshot.mixing import MixingOptions, MixingStrategy
from nasbench.strategies.oneshot.unrolled import still_statistics, unrolled_gradient
from nasbench.training.distributed import average


@dataclass(frozen=True)
class DartsOptions(MixingOptions):
    """Options of ``darts``."""

    order: int = option(
        1, "Order of the architecture's gradient; 2 is the unrolled one.", allowed=(1, 2)
    )


class DartsStrategy(MixingStrategy):
    """First- and second-order DARTS on any space that has a mixture.

    Raises:
        UserError: a choice of the space has no mixture, or order 2 meets weights that are not
            trained by SGD, or low precision.
    """

    Options = DartsOptions
    options: DartsOptions

    def __init__(
        self, supernets: Supernets, domains: Domains, options: DartsOptions, setting: Setting
    ) -> None:
        if options.order == 2 and setting.weights.optimizer != "sgd":
            raise UserError(
                f"--optimizer {setting.weights.optimizer}: -o order=2 unrolls a step of sgd only"
            )
        if options.order == 2 and setting.objective.precision != "fp32":
            raise UserError(
                f"--precision {setting.objective.precision}: -o order=2 takes differences that "
                "only fp32 can show"
            )
        super().__init__(supernets, domains, options, setting)

    def arch_step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move the architecture, in second order by the unrolled gradient."""
        if self.options.order == 1:
            return super().arch_step(train, validation)
        config = self.weights.config
        with still_statistics(self.mixture):
            gradients, loss = unrolled_gradient(
                lambda: self.objective(self.mixture, *train)[0],
                lambda: self.objective(self.mixture, *validation)[0] + self.regularizer(),
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
