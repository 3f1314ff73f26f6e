"""Search by zero-cost proxies: many candidates are ranked untrained, the best are trained.

The warm-up of Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 5,
as a search by itself; Mellor et al., "Neural Architecture Search without Training", ICML
2021, algorithm 1, is the case of one training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from nasbench.options import PluginOptions, option
from nasbench.seeding import derive
from nasbench.space import Arch, Domains
from nasbench.strategies.sampled.base import Proposal, SampledContext, SampledStrategy
from nasbench.strategies.sampled.proxy_scores import ProxyScores


@dataclass(frozen=True)
class TrainingFreeOptions(PluginOptions):
    """Options of ``training-free``."""

    candidates: int = option(
        100, "Architectures drawn and ranked before the first training.", low=1
    )
    proxy: str = option(
        "naswot",
        "Zero-cost proxy that ranks them. Several with commas between them rank by their mean "
        "rank, with plus signs (az-nas+naswot) by the product of their ranks, as in AZ-NAS.",
    )


class TrainingFreeStrategy(SampledStrategy):
    """Proposes the candidates in the order of their proxies; results change nothing.

    When all of them are trained, as many new ones are drawn and ranked.

    Raises:
        UserError: the search has no networks to score, or a proxy is unknown.
    """

    Options = TrainingFreeOptions

    def __init__(
        self, domains: Domains, options: TrainingFreeOptions, context: SampledContext
    ) -> None:
        super().__init__(domains, options, context)
        self._proxies = ProxyScores("proxy", options.proxy, context)
        self._ranked: list[Arch] = []  # a function of the seed, extended on demand
        self._more = self._pools()

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` new architectures, the most promising first."""
        known = self.known(pending)
        new = (arch for arch in self._in_order() if arch not in known)
        return [self.full(arch) for arch in islice(new, n)]

    def _in_order(self) -> Iterator[Arch]:
        """Yield all architectures in the order in which they are to be trained."""
        number = 0
        while True:
            if number == len(self._ranked):
                self._ranked += next(self._more, [])
            if number == len(self._ranked):
                return
            yield self._ranked[number]
            number += 1

    def _pools(self) -> Iterator[list[Arch]]:
        """Yield pools of candidates, ranked, until the space is exhausted."""
        drawn: set[Arch] = set()
        stream = np.random.default_rng(derive(self.context.seed, "candidates"))
        count = self.options.candidates
        while True:
            pool: list[Arch] = []
            while len(pool) < count and (arch := self.draw(stream, drawn)) is not None:
                drawn.add(arch)
                pool.append(arch)
            if not pool:
                return
            yield self._proxies.ranked(pool)
