"""GDAS: one sampled operation per edge (Dong and Yang, CVPR 2019).

"Searching for a Robust Neural Architecture in Four GPU Hours", section 3.2: each pass computes the
one candidate of every decision that the Gumbel-max trick draws, equation (5), and the
architecture's gradient is that of the soft sample, equation (6). A pass costs what one
architecture costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from nasbench.options import option
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
)
from nasbench.supernet.mixing_weights import HardGumbel, search_progress


@dataclass(frozen=True)
class GdasOptions(DifferentiableOptions):
    """Options of ``gdas``."""

    tau_max: float = option(10.0, "Temperature of the samples in the first epoch.", above=0)
    tau_min: float = option(
        0.1, "Temperature in the last epoch; it falls linearly.", above=0, high="tau_max"
    )


class GdasStrategy(DifferentiableStrategy):
    """A mixture of which one candidate per decision is drawn and computed.

    Raises:
        UserError: a choice of the space has no mixture.
    """

    Options = GdasOptions
    options: GdasOptions

    def rule(self) -> HardGumbel:
        """Return the draws, at the first epoch's temperature."""
        self.draws = HardGumbel(self.options.tau_max)
        return self.draws

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Lower the temperature."""
        most, least = self.options.tau_max, self.options.tau_min
        self.draws.tau = most + (least - most) * search_progress(epoch, epochs)
        super().begin_epoch(epoch, epochs)
