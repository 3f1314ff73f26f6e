"""GDAS: one sampled operation per edge (Dong and Yang, CVPR 2019).

"Searching for a Robust Neural Architecture in Four GPU Hours", section 3.2: each pass computes the
one candidate of every decision that the Gumbel-max trick draws, equation (5), and the
architecture's gradient is that of the soft sample, equation (6). A pass costs what one
architecture costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from nasbench.strategies.oneshot.mixing import MixingOptions, MixingStrategy
from nasbench.supernet.mixing_weights import HardGumbel, check_temperatures, search_progress


@dataclass(frozen=True)
class GdasOptions(MixingOptions):
    """Options of ``gdas``.

    Attributes:
        tau_max: the temperature of the soft samples in the first epoch.
        tau_min: the temperature in the last; it falls linearly, once an epoch.
    """

    tau_max: float = 10.0
    tau_min: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_temperatures(self.tau_max, self.tau_min)


class GdasStrategy(MixingStrategy):
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
