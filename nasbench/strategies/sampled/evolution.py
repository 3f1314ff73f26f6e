"""Regularized evolution: the oldest dies, not the worst (Real et al., AAAI 2019).

The population is what was evaluated last. A few of it are drawn, and the best of these has a child
that differs from it by one mutation.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasbench.errors import UserError
from nasbench.space import Arch
from nasbench.strategies.sampled.base import Proposal, Result
from nasbench.strategies.sampled.one_by_one import OneByOneStrategy


@dataclass(frozen=True)
class EvolutionOptions:
    """Options of ``evolution``.

    Attributes:
        population: how many are alive; as many random ones come first.
        sample: how many of them, drawn with replacement, compete to be the parent.
        ageing: the oldest dies; otherwise the worst does.
    """

    population: int = 20
    sample: int = 10
    ageing: bool = True

    def __post_init__(self) -> None:
        if self.population < 1:
            raise UserError(f"-o population={self.population}: must be at least 1")
        if not 1 <= self.sample <= self.population:
            raise UserError(
                f"-o sample={self.sample}: must be in 1..{self.population}, the population"
            )


class EvolutionStrategy(OneByOneStrategy):
    """Regularized evolution; a failed trial is never a parent."""

    Options = EvolutionOptions

    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return a random architecture while the population grows, then a child."""
        alive = self._alive()
        if not alive or len(alive) + len(pending) < self.options.population:
            return self.domains.sample(stream)
        drawn = stream.integers(len(alive), size=self.options.sample)
        parent = max((alive[i] for i in drawn), key=lambda result: result.score)
        return self.domains.mutate(parent.arch, stream)

    def _alive(self) -> list[Result]:
        good = [result for result in self.results if not result.failed]
        size = self.options.population
        if self.options.ageing:
            return good[-size:]
        return heapq.nlargest(size, good, key=lambda result: result.score)
