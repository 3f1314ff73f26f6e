"""Evaluation of a supernet that leaves its weights, statistics and modes as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.supernet.mixing_weights import MixingRule, MixingWeights
from nasbench.supernet.mixture import Mixture

Loss = Callable[[], Tensor]


@contextmanager
def substituted(weights: Sequence[nn.Parameter], values: Sequence[Tensor]) -> Iterator[None]:
    """Evaluate with other weights; the old ones come back exactly."""
    with torch.no_grad():
        before = [w.detach().clone() for w in weights]
        torch._foreach_copy_(list(weights), list(values))
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(list(weights), before)


@contextmanager
def frozen_bn_statistics(network: nn.Module) -> Iterator[None]:
    """Keep BN's running statistics from moving; a trial step is no training."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


class ExpectedWeights(MixingRule):
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
def evaluation_mode(mixture: Mixture) -> Iterator[None]:
    """Compute with expected weights, without dropout, and with the statistics of the batch.

    BN's running statistics are those of the mixture that was trained, not of one whose weights
    were changed. They stay as they are.
    """
    modes = {module: module.training for module in mixture.modules()}
    rule, mixture.rule = mixture.rule, ExpectedWeights(mixture.rule)
    mixture.training = True  # of the mixture itself: its sums may take the fast way
    for module in mixture.network.modules():
        module.training = isinstance(module, _BatchNorm)
    try:
        with frozen_bn_statistics(mixture):
            yield
    finally:
        mixture.rule = rule
        for module, mode in modes.items():
            module.training = mode
