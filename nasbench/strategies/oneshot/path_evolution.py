"""The evolution of SPOS, which searches architectures that inherit shared weights.

Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020,
algorithm 1: the best architectures of all generations so far are the parents of the next one, of
which one half is mutated and the other half crossed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domain, Domains, Value
from nasbench.strategies.sampled.base import Proposal, SequentialStrategy
from nasbench.strategies.sampled.nsga2 import cross


@dataclass(frozen=True)
class PathEvolutionOptions(PluginOptions):
    """Options of :class:`PathEvolution`."""

    population: int = option(50, "Architectures of a generation.", low=1)
    parents: int = option(10, "Best architectures so far that have children.", low=1)
    mutation: float = option(0.1, "Probability that a mutation redraws a decision.", low=0, high=1)


class PathEvolution(SequentialStrategy):
    """Mutates and crosses the best so far; no architecture is evaluated twice.

    A child that is known or over a limit is bred again, and replaced by a uniform draw after some
    attempts.
    """

    Options = PathEvolutionOptions

    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return a draw of the first generation, or a child of the generations that are over."""
        size = self.options.population
        generation, place = divmod(len(self.results) + len(pending), size)
        over = [result for result in self.results[: generation * size] if not result.failed]
        if not over:
            return self.domains.sample(stream)
        best = sorted(over, key=lambda result: -result.score)[: self.options.parents]
        one, other = (best[int(i)].arch for i in stream.integers(len(best), size=2))
        if place < (size + 1) // 2:
            return mutated(self.domains, one, self.options.mutation, stream)
        return cross(self.domains, one, other, stream)


def mutated(domains: Domains, arch: Arch, rate: float, stream: np.random.Generator) -> Arch:
    """Return ``arch`` with each decision redrawn uniformly with probability ``rate``.

    Decisions that become active are drawn, too. A draw may give what was there before.

    Args:
        domains: the space's decisions.
        arch: the architecture to mutate.
        rate: in [0, 1].
        stream: the source of the draws.
    """

    def choose(domain: Domain) -> Value:
        if stream.random() >= rate and domain.label in arch:
            return arch[domain.label]
        return domain.options[int(stream.integers(len(domain.options)))]

    return domains.decide(choose)
