"""A mixture as it is judged: with the weights that are read, and nothing that chance decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.strategies.oneshot.unrolled import still_statistics
from nasbench.supernet.mixing_weights import MixingRule, MixingWeights
from nasbench.supernet.mixture import Mixture


class Expected(MixingRule):
    """Another rule's expected weights, in training steps as well."""

    def __init__(self, rule: MixingRule) -> None:
        self.rule = rule

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return the expected weights."""
        return MixingWeights(self.rule.expected(label, alpha))

    def expected(self, label: str, alpha: Tensor) -> Tensor:
        """Return the expected weights."""
        return self.rule.expected(label, alpha)


@contextmanager
def judged(mixture: Mixture) -> Iterator[None]:
    """Compute with expected weights, without dropout, and with the statistics of the batch.

    BN's running statistics are those of the mixture that was trained, not of one whose weights
    were changed. They stay as they are.
    """
    modes = {module: module.training for module in mixture.modules()}
    rule, mixture.rule = mixture.rule, Expected(mixture.rule)
    mixture.training = True  # of the mixture itself: its sums may take the fast way
    for module in mixture.network.modules():
        module.training = isinstance(module, _BatchNorm)
    try:
        with still_statistics(mixture):
            yield
    finally:
        mixture.rule = rule
        for module, mode in modes.items():
            module.training = mode
