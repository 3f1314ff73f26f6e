"""The protocol of sampled strategies: propose architectures, learn from their results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from nasbench.graph import Graph
from nasbench.seeding import derive
from nasbench.space import Arch, Domains
from nasbench.strategies.recipe import RECIPES, Recipe

TRIES = 100  # uniform draws, known or too costly, after which a walk starts
STEPS = 400  # steps of that walk


@dataclass(frozen=True)
class Proposal:
    """What to evaluate next.

    Attributes:
        arch: the architecture.
        epochs: the epochs of its training; a longer training continues a shorter one.
    """

    arch: Arch
    epochs: int


@dataclass(frozen=True)
class Result:
    """One architecture's evaluation.

    Attributes:
        arch: the evaluated architecture.
        score: of the validation, more is better: the task's leading metric, negated where less is
            better; of no meaning if the trial failed.
        epochs: the epochs of its training.
        costs: the costs that the strategy ``measures``, of ``params``, ``macs``, ``latency_ms``.
        failed: whether the trial ended without a score.
        metrics: scores of the metrics that are recorded beside the leading one, by name; more is
            better.
    """

    arch: Arch
    score: float
    epochs: int = 1
    costs: Mapping[str, float] = field(default_factory=dict)
    failed: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)


def _fits(arch: Arch) -> float:
    return 0.0


@dataclass(frozen=True)
class SampledContext:
    """What every sampled strategy receives besides its own options.

    Attributes:
        seed: the search's seed.
        epochs: the full length of a training.
        lengths: the only available lengths, ascending, the last being ``epochs``; empty if any
            length is possible. A table of finished trainings has few.
        violation: returns the excess of an architecture over its limits: 0 if it keeps them,
            otherwise the sum over the exceeded limits of ``value / limit - 1``.
        proxy: returns the score of a zero-cost proxy, by its name, for an architecture; larger is
            better. ``None`` if there are no networks to score, as in a table.
        metrics: names of the metrics of a result: the leading one, then those beside it.
        graphs: returns the cells of an architecture, for predictors; ``None`` for a space without
            cells.
    """

    seed: int = 0
    epochs: int = 1
    lengths: tuple[int, ...] = ()
    violation: Callable[[Arch], float] = _fits
    proxy: Callable[[str, Arch], float] | None = None
    metrics: tuple[str, ...] = ("accuracy",)
    graphs: Callable[[Arch], Sequence[Graph]] | None = None


class SampledStrategy(ABC):
    """Proposes architectures; its state depends only on the seed and the updates.

    Example:
        After ``suggest(2)`` and ``update([a, b])`` the strategy holds the results of a and b;
        a ``suggest`` without its ``update`` leaves the state as it was. Two suggestions with the
        same results and the same ``pending`` are the same.

    Args:
        domains: the space's decisions.
        options: the strategy's own options.
        context: the search's seed, lengths of training and limits.

    Attributes:
        Options: the dataclass of the strategy's own options.
        recipes: space to the settings of the paper's search on it, for ``--preset paper``; the
            first one also serves every other space. ``search`` may set the budget.
        measures: the costs that a result must contain, of ``params``, ``macs``, ``latency_ms``.
        beside: the metrics beside the leading one that a result must contain.
        takes_results: whether it can learn from trials that it did not propose.
        revision: the number of the algorithm. It grows when the same options come to mean another
            search, whose results then have a row of their own.

    Raises:
        UserError: the strategy cannot search this space, or not in this context.
    """

    Options: ClassVar[type]
    recipes: ClassVar[Mapping[str, Recipe]] = RECIPES
    measures: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    takes_results: ClassVar[bool] = True
    revision: ClassVar[int] = 1

    def __init__(self, domains: Domains, options: Any, context: SampledContext) -> None:
        self.domains = domains
        self.options = options
        self.context = context
        self.results: list[Result] = []

    @abstractmethod
    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` proposals; fewer if there are no more, or none for now.

        Args:
            n: the number of free slots, at least 1.
            pending: proposals without a result yet.
        """

    def update(self, results: Sequence[Result]) -> None:
        """Learn from results, in the order in which they arrived."""
        self.results += results

    def best(self) -> Result:
        """Return the best result of the longest training so far; the earlier one at a tie.

        Raises:
            ValueError: there is none yet.
        """
        good = [result for result in self.results if not result.failed]
        if not good:
            raise ValueError("no architecture was evaluated yet")
        return max(good, key=lambda result: (result.epochs, result.score))

    def front(self) -> list[Result]:
        """Return the results worth exporting: the best one, or a Pareto front."""
        return [self.best()]

    def state_dict(self) -> dict[str, Any]:
        """Return the results, from which the state follows."""
        return {
            "results": [
                {
                    **vars(result),
                    "arch": dict(result.arch),
                    "costs": dict(result.costs),
                    "metrics": dict(result.metrics),
                }
                for result in self.results
            ]
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self.results = []
        for result in state["results"]:
            self.update([Result(**{**result, "arch": self.domains.arch(result["arch"])})])

    def stream(self, pending: Sequence[Proposal]) -> np.random.Generator:
        """Return the random stream of the next suggestion.

        It depends on how many results and pending proposals there are, so that a continued
        search draws the same.
        """
        number = len(self.results) + len(pending)
        return np.random.default_rng(derive(self.context.seed, type(self).__name__, number))

    def known(self, pending: Sequence[Proposal]) -> set[Arch]:
        """Return the architectures that were evaluated or are about to be."""
        return {result.arch for result in self.results} | {one.arch for one in pending}

    def fits(self, arch: Arch) -> bool:
        """Return whether ``arch`` keeps the limits."""
        return self.context.violation(arch) == 0

    def full(self, arch: Arch) -> Proposal:
        """Return the proposal to train ``arch`` to the full length."""
        return Proposal(arch, self.context.epochs)

    def draw(self, stream: np.random.Generator, known: AbstractSet[Arch]) -> Arch | None:
        """Return a new architecture that keeps the limits, uniformly drawn if enough of them do.

        If almost none does, a walk from the least costly draw searches for one.

        Returns:
            ``None`` if none was found: the space counts as exhausted.
        """
        drawn = []
        for _ in range(TRIES):
            arch = self.domains.sample(stream)
            if self.fits(arch) and arch not in known:
                return arch
            drawn.append(arch)
        return self._walk(min(drawn, key=self.context.violation), stream, known)

    def _walk(
        self, arch: Arch, stream: np.random.Generator, known: AbstractSet[Arch]
    ) -> Arch | None:
        """Walk from ``arch`` down to the limits, then among what keeps them to what is new."""
        if self.domains.size == 1:
            return None
        for _ in range(STEPS):
            other = self.domains.mutate(arch, stream)
            if self.context.violation(other) <= self.context.violation(arch):
                arch = other
            if self.fits(arch) and arch not in known:
                return arch
        return None


class SequentialStrategy(SampledStrategy):
    """Proposes one candidate after another; each counts as pending for the next.

    Attributes:
        tries: known or too costly candidates after which a walk starts from the last one.
    """

    tries: ClassVar[int] = 20

    @abstractmethod
    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return the next architecture to try; one that is known or too costly is redrawn."""

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` new architectures; fewer at the end of the space."""
        stream, known = self.stream(pending), self.known(pending)
        proposals: list[Proposal] = []
        while len(proposals) < n and len(known) < self.domains.size:
            arch = self._new([*pending, *proposals], known, stream)
            if arch is None:
                break
            known.add(arch)
            proposals.append(self.full(arch))
        return proposals

    def _new(
        self, pending: Sequence[Proposal], known: AbstractSet[Arch], stream: np.random.Generator
    ) -> Arch | None:
        """Return a candidate that is new and fits; else one near it; else one from anywhere."""
        for _ in range(self.tries):
            arch = self.candidate(pending, stream)
            if arch not in known and self.fits(arch):
                return arch
        near = self._walk(arch, stream, known)
        return self.draw(stream, known) if near is None else near
