"""NSGA-II: metrics against costs (Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 6(2), 2002).

It is implemented in numpy because optuna's sampler does not fit the protocol. Its crossover covers
only the decisions that every earlier trial made, so it redraws conditional decisions for each
child, and nothing below a choice is inherited. It also handles limits only as penalties, and
repeats earlier proposals.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domain, Domains, Value
from nasbench.strategies.sampled.base import (
    TRIES,
    Proposal,
    Result,
    SampledContext,
    SampledStrategy,
)
from nasbench.strategies.sampled.dominance import crowded_order
from nasbench.strategies.sampled.objectives import Objectives

OBJECTIVES = ("params", "macs", "latency_ms")


@dataclass(frozen=True)
class Nsga2Options(PluginOptions):
    """Options of ``nsga2``."""

    objective: str = option(
        "params",
        "Cost to minimize beside the error.",
        allowed=OBJECTIVES,
        only_with=("objectives", ""),
    )
    objectives: str = option(
        "",
        "Any number of objectives in place of the leading metric and the objective: metrics, "
        "also those of --also, and params, macs, latency, separated by commas.",
    )
    population: int = option(20, "Parents, and children of a generation.", low=2)
    crossover: float = option(0.9, "Probability that a child has two parents.", low=0, high=1)


def cross(domains: Domains, one: Arch, other: Arch, stream: np.random.Generator) -> Arch:
    """Return a child that takes each shared decision from either parent with equal probability.

    A decision of one parent only comes from that parent if it is active in the child; a decision
    of neither is drawn.

    Args:
        domains: the space's decisions.
        one: a parent.
        other: the other parent.
        stream: the source of the draws.
    """

    def choose(domain: Domain) -> Value:
        parents = [arch for arch in (one, other) if domain.label in arch]
        options = [arch[domain.label] for arch in parents] or domain.options
        return options[int(stream.integers(len(options)))]

    return domains.decide(choose)


class Nsga2Strategy(SampledStrategy):
    """Breeds a population towards the Pareto front of metrics and costs.

    The first generation is drawn uniformly. Of the parents and their children, the best by front
    and then by crowding are the next parents. A generation is a number of results, in the order of
    their arrival: no slot waits for the last child, and a late one belongs to the next generation.
    Failed trials are left out. A child that is known or over a limit is bred again.

    Attributes:
        objectives: what is improved: by default the leading metric and one cost.

    Raises:
        UserError: the options name an objective that results do not have.
    """

    Options = Nsga2Options

    def __init__(self, domains: Domains, options: Nsga2Options, context: SampledContext) -> None:
        super().__init__(domains, options, context)
        metrics = context.metrics
        self.objectives = Objectives(metrics[0], (metrics[0], options.objective))
        if options.objectives:
            self.objectives = Objectives.parse(options.objectives, metrics, "-o objectives")
        self.measures = self.objectives.costs
        self.beside = tuple(name for name in self.objectives.metrics if name != metrics[0])
        self._generations: list[list[Result]] = []  # the parents after each; from the results

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._generations = []
        super().load_state_dict(state)

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` new architectures; fewer at the end of the space."""
        stream, known = self.stream(pending), self.known(pending)
        parents = self._parents()
        proposals: list[Proposal] = []
        while len(proposals) < n and (arch := self._new(parents, stream, known)) is not None:
            known.add(arch)
            proposals.append(self.full(arch))
        return proposals

    def best(self) -> Result:
        """Return the result of the highest score; the one of least cost at a tie.

        Raises:
            ValueError: there is none yet.
        """
        score = super().best().score
        equal = (one for one in self._good() if one.score == score)
        return min(equal, key=lambda one: [one.costs[name] for name in self.measures])

    def front(self) -> list[Result]:
        """Return the results that no other one dominates, by ascending costs.

        Of several that are equal in all objectives, the first one is returned.

        Raises:
            ValueError: there is none yet.
        """
        return self.objectives.front(self._good()) or super().front()  # which raises

    def _good(self) -> list[Result]:
        """Return each architecture's result once, without those that failed."""
        return list({one.arch: one for one in self.results if not one.failed}.values())

    def _parents(self) -> list[Result]:
        """Return the parents of the present generation, best first; none for the first one."""
        good, size = self._good(), self.options.population
        while (start := size * len(self._generations)) + size <= len(good):
            before = self._generations[-1] if self._generations else []
            pool = before + good[start : start + size]
            best = crowded_order(self.objectives.points(pool))[:size]
            self._generations.append([pool[i] for i in best])
        return self._generations[-1] if self._generations else []

    def _new(
        self, parents: Sequence[Result], stream: np.random.Generator, known: AbstractSet[Arch]
    ) -> Arch | None:
        """Return a new child that keeps the limits, or a draw if none was bred.

        A child has one or two parents, and one mutation on average.
        """
        for _ in range(TRIES if parents else 0):
            # A parent is the better of two draws, since the parents are sorted.
            one, other = (
                parents[min(stream.integers(len(parents), size=2))].arch for _ in range(2)
            )
            crossed = stream.random() < self.options.crossover
            child = cross(self.domains, one, other, stream) if crossed else one
            for _ in range(stream.binomial(len(child), 1 / len(child))):
                child = self.domains.mutate(child, stream)
            if child not in known and self.fits(child):
                return child
        return self.draw(stream, known)
