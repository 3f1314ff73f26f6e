"""Searches that look finished trainings up, with the device-time that these would have taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.budget import Budget
from nasbench.errors import UserError
from nasbench.space import Arch
from nasbench.strategies.sampled.base import Proposal, Result, SampledStrategy, Setting
from nasbench.tabular.base import Table

KNOWN_IN_A_ROW = 1000  # proposals of known architectures after which a search has converged


@dataclass(frozen=True, eq=False)
class Trace:
    """One simulated search, query by query.

    Attributes:
        seed: of the search.
        archs: what was asked for.
        incumbents: what the strategy held for the best one after each query.
        validation: the incumbents' validation accuracies, which the search saw. Shape ``(n,)``.
        test: the incumbents' test accuracies, which it did not see. Shape ``(n,)``.
        epochs: trained so far. Shape ``(n,)``.
        seconds: simulated device-seconds so far. Shape ``(n,)``.
    """

    seed: int
    archs: tuple[Arch, ...]
    incumbents: tuple[Arch, ...]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    epochs: NDArray[np.int64]
    seconds: NDArray[np.float64]


def simulate(
    table: Table,
    dataset: str,
    kind: type[SampledStrategy],
    options: Any,
    seed: int,
    budget: Budget,
    violation: Callable[[Arch], float] | None = None,
) -> Trace:
    """Run one search on a table.

    A query is one lookup of a training, and counts as a trial. An architecture that was trained
    for as long already is answered from memory and is no query; a longer training of it costs
    only what is added. Test accuracies are read when the search has ended.

    Args:
        table: what is asked.
        dataset: one of the table's.
        kind: the strategy.
        options: the strategy's own options.
        seed: of the search.
        budget: in trials, epochs or simulated device-seconds.
        violation: by how much an architecture is over the limits; see
            :class:`nasbench.strategies.sampled.base.Setting`.

    Raises:
        UserError: the strategy refuses, asks for what the table does not have, or finds no
            architecture within the limits.
    """
    limits: dict[str, Any] = {} if violation is None else {"violation": violation}
    setting = Setting(seed, table.lengths[-1], table.lengths, **limits)
    strategy = kind(table.domains, options, setting)
    search = _Search(table, dataset, seed, strategy)
    while not budget.spent(len(search.asked), search.epochs, search.seconds):
        if not search.step():
            break
    return search.trace()


class _Search:
    """A strategy, what it has asked for, and what that has cost.

    Attributes:
        asked: the queries.
        epochs: trained so far.
        seconds: simulated device-seconds so far.
    """

    def __init__(self, table: Table, dataset: str, seed: int, strategy: SampledStrategy) -> None:
        self.table = table
        self.dataset = dataset
        self.seed = seed
        self.strategy = strategy
        self.asked: list[Proposal] = []
        self.epochs = 0
        self.seconds = 0.0
        self._known: dict[Arch, Result] = {}  # the longest training of each
        self._course: list[tuple[Result, int, float]] = []

    def step(self) -> bool:
        """Answer proposals up to the next query; return whether there was one."""
        for _ in range(KNOWN_IN_A_ROW):
            proposals = self.strategy.suggest(1)
            if not proposals:
                return False
            known = self._known.get(proposals[0].arch)
            if known is None or known.epochs < proposals[0].epochs:
                self._query(proposals[0], known)
                return True
            self.strategy.update([known])
        return False

    def trace(self) -> Trace:
        """Return the search with the test accuracies of its incumbents.

        Raises:
            UserError: nothing was asked for.
        """
        if not self.asked:
            raise UserError("the strategy proposed nothing: no architecture keeps all the limits")
        best, epochs, seconds = zip(*self._course, strict=True)
        tests = {one.arch: 0.0 for one in best}
        for arch in tests:
            tests[arch] = self.table.test(arch, self.dataset)
        return Trace(
            self.seed,
            tuple(one.arch for one in self.asked),
            tuple(one.arch for one in best),
            np.array([one.score for one in best]),
            np.array([tests[one.arch] for one in best]),
            np.array(epochs),
            np.array(seconds),
        )

    def _query(self, proposal: Proposal, known: Result | None) -> None:
        arch, epochs = proposal.arch, proposal.epochs
        if epochs not in self.table.lengths:
            raise UserError(
                f"{type(self.strategy).__name__} asks for {epochs} epochs: {self.table.name} has "
                f"{', '.join(map(str, self.table.lengths))}"
            )
        score = self.table.validation(arch, self.dataset, epochs, self.seed)
        self.asked.append(proposal)
        self.epochs += epochs - (known.epochs if known else 0)
        self.seconds += self.table.seconds(arch, self.dataset, epochs)
        if known:
            self.seconds -= self.table.seconds(arch, self.dataset, known.epochs)
        self._known[arch] = Result(arch, score, epochs, self._measures(arch))
        self.strategy.update([self._known[arch]])
        self._course.append((self.strategy.best(), self.epochs, self.seconds))

    def _measures(self, arch: Arch) -> dict[str, float]:
        wanted = self.strategy.measures
        costs = self.table.costs(arch, self.dataset) if wanted else {}
        for name in wanted:
            if name not in costs:
                raise UserError(
                    f"{type(self.strategy).__name__} asks for {name}: {self.table.name} has "
                    f"{', '.join(costs)} here"
                )
        return {name: costs[name] for name in wanted}
