"""GDAS: one sampled operation per edge (Dong and Yang, CVPR 2019).

"Searching for a Robust Neural Architecture in Four GPU Hours", section 3.2: each pass computes the
one candidate of every decision that the Gumbel-max trick draws, equation (5), and the
architecture's gradient is that of the soft sample, equation (6). A pass costs what one
architecture costs.

With s the soft sample, j the drawn candidate, tau the temperature and g the gradient of the loss
with respect to the output o_j of candidate j, the paper's gradient is that of the drawn weight
alone: <g, o_j> s_j (delta_jk - s_k) / tau for each parameter k. The authors' code for
NAS-Bench-201 also adds the weights of the other candidates, all 0, to the output. Their gradients,
the sum of all entries of g, then take part: that is ``-o gradient=all``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nasbench.options import option
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
)
from nasbench.strategies.recipe import DARTS, NASBENCH201, Recipe
from nasbench.supernet.mixing_weights import HardGumbel, search_progress


@dataclass(frozen=True)
class GdasOptions(DifferentiableOptions):
    """Options of ``gdas``."""

    tau_max: float = option(10.0, "Temperature of the samples in the first epoch.", above=0)
    tau_min: float = option(
        0.1, "Temperature in the last epoch; it falls linearly.", above=0, high="tau_max"
    )
    gradient: str = option(
        "drawn",
        "Weights through which the architecture learns: that of the drawn candidate, as in the "
        "paper, or those of all candidates, as in the authors' code for NAS-Bench-201.",
        allowed=("drawn", "all"),
    )


class GdasStrategy(DifferentiableStrategy):
    """A mixture of which one candidate per decision is drawn and computed.

    Raises:
        UserError: a choice of the space has no mixture.
    """

    Options = GdasOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "darts": DARTS.but(
            "GDAS (arXiv:1910.04465), section 4; configs/search-opts/GDAS-NASNet-CIFAR.config, "
            "configs/opts/NAS-CIFAR.config, configs/archs/NAS-CIFAR-GDAS_V1.config",
            search={"epochs": 250, "batch_size": 256, "nesterov": True, "weight_decay": 5e-4},
            retrain={"epochs": 300, "warmup": 5 / 300, "nesterov": True, "weight_decay": 5e-4},
        ),
        "nas-bench-201": NASBENCH201.but(
            "NAS-Bench-201 (arXiv:2001.00326); configs/nas-benchmark/algos/GDAS.config",
            search={"epochs": 250},
            options={"gradient": "all"},
        ),
    }
    options: GdasOptions

    def rule(self) -> HardGumbel:
        """Return the draws, at the first epoch's temperature."""
        self.draws = HardGumbel(self.options.tau_max, self.options.gradient == "all")
        return self.draws

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Lower the temperature."""
        most, least = self.options.tau_max, self.options.tau_min
        self.draws.tau = most + (least - most) * search_progress(epoch, epochs)
        super().begin_epoch(epoch, epochs)
