"""DrNAS: Dirichlet Neural Architecture Search (Chen, Wang, Cheng, Tang, Hsieh; ICLR 2021).

The weights of a decision are a draw from Dirichlet(beta), beta = elu(alpha) + 1, whose gradient is
pathwise (section 3.1). An anchor holds beta near 1, the uniform distribution on the simplex. The
architecture is derived from the mean. With partial channels (section 3.3), the second half of the
epochs continues without each decision's weaker half, and with more channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Dirichlet

from nasbench.options import option
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
)
from nasbench.strategies.oneshot.p_darts import survivors
from nasbench.supernet.inherited_weights import net2wider
from nasbench.supernet.mixing_weights import MixingRule, MixingWeights
from nasbench.supernet.mixture import Mixture

# Below it, draws are one-hot to the last bit, and the gradient overflows.
LEAST_CONCENTRATION = 1e-3


def concentration(alpha: Tensor) -> Tensor:
    """Return beta, above 0; shape ``(n,)`` as ``alpha``."""
    return (F.elu(alpha) + 1).clamp_min(LEAST_CONCENTRATION)


class DirichletRule(MixingRule):
    """Weights ~ Dirichlet(elu(alpha) + 1)."""

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return a draw with its pathwise gradient; small entries need double precision."""
        beta = concentration(alpha.double())
        return MixingWeights(Dirichlet(beta, validate_args=False).rsample().to(alpha.dtype))

    def expected(self, label: str, alpha: Tensor) -> Tensor:
        """Return the mean, beta / sum(beta)."""
        beta = concentration(alpha)
        return beta / beta.sum()


@dataclass(frozen=True)
class DrnasOptions(DifferentiableOptions):
    """Options of ``drnas``."""

    arch_lr: float = 6e-4
    arch_weight_decay: float = 0.0
    anchor: float = option(
        1e-3, "Weight of the squared distance of beta from 1 in the architecture's loss.", low=0
    )
    partial: int = option(
        1,
        "One in this many channels is mixed, in a space with partial channels; must divide the "
        "channels of every choice.",
        low=1,
    )
    widen: int = option(
        0,
        "The same in a second stage, half of the epochs, with each decision's stronger half; "
        "0 for a single stage.",
        low=0,
        high="partial",
    )


class DrnasStrategy(DifferentiableStrategy):
    """A mixture whose weights are drawn from a learned Dirichlet distribution.

    Attributes:
        stage: 0, or 1 after the pruning.

    Raises:
        UserError: a choice of the space has no mixture, or its channels are no multiple of
            ``partial``.
    """

    Options = DrnasOptions
    options: DrnasOptions
    stage = 0

    def rule(self) -> MixingRule:
        """Return the draws."""
        return DirichletRule()

    def relax(self) -> Mixture:
        """Return the supernet of the present stage."""
        partial = self.options.widen if self.stage else self.options.partial
        return Mixture(self.supernets(partial=partial), self.domains, self.rule())

    def regularizer(self) -> Tensor | float:
        """Add the anchor to the penalty."""
        parts = [self.mixture.alpha(label)[kept] for label, kept in self.mixture.kept.items()]
        distance = sum((concentration(part) - 1).square().sum() for part in parts)
        return super().regularizer() + self.options.anchor * distance

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Prune and widen the supernet once, after half of the epochs.

        The wider supernet inherits the weights, the architecture parameters and the schedule.
        """
        if self.stage == 0 and self.options.widen and 2 * epoch >= epochs > 1:
            before, weights, rates = self.mixture, self.mixing_weights(), self.optimizer_state()
            lr = self.weights.lr
            self._build(1)
            self.mixture.load_state_dict(net2wider(before.state_dict(), self.mixture.state_dict()))
            for label, kept in before.kept.items():
                self.mixture.keep(label, survivors(self.domains[label], weights[label], kept, 0.5))
            self.arch.load_state_dict(rates["arch"])
            fresh = self.weights.state_dict()["optimizer"]
            fresh["param_groups"][0]["lr"] = lr
            self.weights.load_state_dict({**rates["weights"], "optimizer": fresh})
        super().begin_epoch(epoch, epochs)

    def _build(self, stage: int) -> None:
        """Replace the supernet by that of another stage."""
        alpha = self.mixture.alphas[0]
        self.stage = stage
        self.install(self.relax().to(alpha.device, alpha.dtype).train(self.training))

    def get_extra_state(self) -> int:
        """Return the stage, for the ``state_dict``."""
        return self.stage

    def set_extra_state(self, state: int) -> None:
        """Do nothing: the stage's supernet was built before anything was loaded."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Build the supernet of the state's stage, then load it."""
        if state_dict["_extra_state"] != self.stage:
            self._build(state_dict["_extra_state"])
        return super().load_state_dict(state_dict, strict, assign)
