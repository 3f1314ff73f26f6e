"""Weights drawn by the Gumbel trick: soft samples, and one candidate at a time.

Soft samples are those of the concrete distribution (Maddison et al., "The Concrete Distribution",
ICLR 2017; Jang et al., "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017), as in
SNAS, equation (4). Hard ones have the value of their largest entry alone and the gradient of the
soft sample, as in GDAS, equations (4) to (6).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nasbench.errors import UserError
from nasbench.supernet.rule import Mixed, Rule


class SoftGumbel(Rule):
    """softmax((alpha + g) / tau) with g from the Gumbel distribution.

    The papers add g to the logarithm of the softmax of alpha. That differs from alpha by a
    constant, which the outer softmax takes out again.

    Attributes:
        tau: the temperature, above 0; low ones make the samples nearly one-hot.
    """

    def __init__(self, tau: float) -> None:
        self.tau = tau
        self._scores: dict[str, Tensor] = {}

    def begin(self, alphas: Mapping[str, Tensor]) -> None:
        """Draw the noise of all decisions at once."""
        flat = torch.cat([alpha.detach() for alpha in alphas.values()])
        noise = -torch.empty_like(flat).exponential_().log()
        parts = torch.split(noise, [len(alpha) for alpha in alphas.values()])
        self._scores = {
            label: alpha + part for (label, alpha), part in zip(alphas.items(), parts, strict=True)
        }

    def sample(self, label: str, alpha: Tensor) -> Mixed:
        """Return the soft sample of this forward pass."""
        return Mixed((self._scores[label] / self.tau).softmax(dim=0))


class HardGumbel(SoftGumbel):
    """One candidate is computed; its gradient, and that of the others, is the soft sample's."""

    def __init__(self, tau: float) -> None:
        super().__init__(tau)
        self._drawn: dict[str, int] = {}

    def begin(self, alphas: Mapping[str, Tensor]) -> None:
        """Draw all decisions; the host waits for the device once."""
        super().begin(alphas)
        flat = iter(torch.cat([score.detach() for score in self._scores.values()]).tolist())
        for label, alpha in alphas.items():
            scores = [next(flat) for _ in range(len(alpha))]
            self._drawn[label] = scores.index(max(scores))

    def sample(self, label: str, alpha: Tensor) -> Mixed:
        """Return exactly 1 for what was drawn and 0 for the others."""
        soft = super().sample(label, alpha).weights
        drawn = self._drawn[label]
        hard = torch.zeros_like(soft)
        hard[drawn] = 1.0
        return Mixed(hard + (soft - soft.detach()), (drawn,))


def check_temperatures(tau_max: float, tau_min: float) -> None:
    """Refuse temperatures between which none can fall.

    Raises:
        UserError: they are not 0 < ``tau_min`` <= ``tau_max`` < infinity.
    """
    if not 0 < tau_max < float("inf"):
        raise UserError(f"-o tau_max={tau_max}: must be a number above 0")
    if not 0 < tau_min <= tau_max:
        raise UserError(
            f"-o tau_min={tau_min}: must be a number above 0 and at most tau_max={tau_max}"
        )


def share_done(epoch: int, epochs: int) -> float:
    """Return where ``epoch`` lies between the first, 0, and the last, 1."""
    return min(1.0, epoch / max(1, epochs - 1))
