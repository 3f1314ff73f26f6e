"""How architecture parameters become the mixing weights of a supernet.

Soft Gumbel samples are those of the concrete distribution (Maddison et al., "The Concrete
Distribution", ICLR 2017; Jang et al., "Categorical Reparameterization with Gumbel-Softmax", ICLR
2017), as in SNAS, equation (4). Hard samples are one-hot and have the gradient of the soft sample,
as in GDAS, equations (4) to (6).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor


class MixingWeights(NamedTuple):
    """The mixing weights of one decision in one forward pass.

    Attributes:
        weights: shape ``(n,)``, one for each candidate that is still in the mixture.
        running: the candidates to compute; the weights of the others are 0. ``None`` for all.
    """

    weights: Tensor
    running: tuple[int, ...] | None = None


class MixingRule:
    """The softmax of DARTS, and the base class of other rules.

    Attributes:
        adds_idle: whether the weights of candidates that are not computed, all 0, are added to the
            output as they are, which gives each the gradient of the sum over all its entries.
    """

    adds_idle = False

    def begin(self, alphas: Mapping[str, Tensor]) -> None:
        """Prepare a forward pass in training mode, for example by sampling all decisions at once.

        Args:
            alphas: label to the parameters that :meth:`sample` will receive.
        """
        return

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return the mixing weights of a training step; may draw from torch's global generator.

        Args:
            label: the name of the decision.
            alpha: its architecture parameters, shape ``(n,)``, without removed candidates.
        """
        return MixingWeights(self.expected(label, alpha))

    def expected(self, label: str, alpha: Tensor) -> Tensor:
        """Return the weights for discretization, display and evaluation mode, shape ``(n,)``."""
        return alpha.softmax(dim=0)


class SoftGumbel(MixingRule):
    """softmax((alpha + g) / tau) with g from the Gumbel distribution.

    The papers add g to the logarithm of the softmax of alpha, which differs from alpha by a
    constant that the outer softmax cancels.

    Args:
        tau: the temperature, above 0; low temperatures give nearly one-hot samples.
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

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return the soft sample of this forward pass."""
        return MixingWeights((self._scores[label] / self.tau).softmax(dim=0))


class HardGumbel(SoftGumbel):
    """One-hot samples with the gradients of soft samples; one candidate is computed.

    Args:
        tau: the temperature, above 0.
        adds_idle: see :class:`MixingRule`.
    """

    def __init__(self, tau: float, adds_idle: bool = False) -> None:
        super().__init__(tau)
        self.adds_idle = adds_idle
        self._drawn: dict[str, int] = {}

    def begin(self, alphas: Mapping[str, Tensor]) -> None:
        """Sample all decisions with a single synchronization of host and device."""
        super().begin(alphas)
        flat = iter(torch.cat([score.detach() for score in self._scores.values()]).tolist())
        for label, alpha in alphas.items():
            scores = [next(flat) for _ in range(len(alpha))]
            self._drawn[label] = scores.index(max(scores))

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return exactly 1 for the sampled candidate and 0 for the others."""
        soft = super().sample(label, alpha).weights
        drawn = self._drawn[label]
        hard = torch.zeros_like(soft)
        hard[drawn] = 1.0
        return MixingWeights(hard + (soft - soft.detach()), (drawn,))


def search_progress(epoch: int, epochs: int) -> float:
    """Return the position of ``epoch`` between the first epoch, 0, and the last, 1."""
    return min(1.0, epoch / max(1, epochs - 1))
