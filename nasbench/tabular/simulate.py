"""One search that looks up finished trainings, with the device-time that they would have taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nasbench.budget import Budget, Unit
from nasbench.errors import UserError
from nasbench.space import Arch
from nasbench.strategies.sampled.ask_tell import Evaluated, Function, Proposals, ask_and_tell
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext, SampledStrategy
from nasbench.tabular.base import Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trace:
    """One simulated search, query by query.

    Attributes:
        seed: of the search.
        archs: the queried architectures; empty if the search was read from a file.
        incumbents: the strategy's best architecture after each query; empty as well.
        validation: validation accuracies of the incumbents, which the search saw. Shape ``(n,)``.
        test: the table's ``outcome`` of the incumbents, which it did not see. Shape ``(n,)``.
        epochs: epochs trained so far. Shape ``(n,)``.
        seconds: simulated device-seconds so far. Shape ``(n,)``.
    """

    seed: int
    archs: tuple[Arch, ...]
    incumbents: tuple[Arch, ...]
    validation: Floats
    test: Floats
    epochs: NDArray[np.int64]
    seconds: Floats

    def spent(self, unit: Unit) -> Floats:
        """Return the amount spent after each query, shape ``(queries,)``."""
        if unit == "trials":
            return np.arange(1.0, len(self.test) + 1)
        return np.asarray(getattr(self, unit), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return all but the architectures as plain values."""
        both = np.stack([self.validation, self.test])
        changed = np.flatnonzero(np.r_[True, (both[:, 1:] != both[:, :-1]).any(axis=0)])
        steps = np.diff(self.epochs, prepend=0)
        return {
            "seed": self.seed,
            "queries": len(self.test),
            "at": changed.tolist(),
            "validation": self.validation[changed].tolist(),
            "test": self.test[changed].tolist(),
            "epochs": int(steps[0]) if (steps == steps[0]).all() else self.epochs.tolist(),
            "seconds": self.seconds.tolist() if self.seconds.any() else 0,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Return the search that :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it did not.
        """
        numbers = np.arange(1, plain["queries"] + 1)
        held = np.searchsorted(plain["at"], numbers - 1, side="right") - 1
        epochs, seconds = plain["epochs"], plain["seconds"]
        return cls(
            plain["seed"],
            (),
            (),
            np.array(plain["validation"], dtype=np.float64)[held],
            np.array(plain["test"], dtype=np.float64)[held],
            np.array(epochs) if isinstance(epochs, list) else epochs * numbers,
            np.array(seconds) if isinstance(seconds, list) else np.zeros(len(numbers)),
        )


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

    A query looks up one training, and counts as a trial. An architecture that was trained for as
    long before is answered from memory and is not a query; a longer training of it costs only the
    difference. Test accuracies are read after the search has ended.

    Args:
        table: the table.
        dataset: one of the table's data sets.
        kind: the strategy's class.
        options: the strategy's options.
        seed: of the search.
        budget: in trials, epochs or simulated device-seconds.
        violation: by how much an architecture exceeds the limits; see
            :class:`nasbench.strategies.sampled.base.SampledContext`.

    Raises:
        UserError: the strategy refuses, asks for something the table does not have, or finds no
            architecture within the limits.
    """
    given: dict[str, Any] = {} if violation is None else {"violation": violation}
    if table.space.draws_cells():
        given["graphs"] = table.space.graphs
    setting = SampledContext(seed, table.lengths[-1], table.lengths, **given)
    search = _Search(table, dataset, seed, kind(table.domains, options, setting))
    ask_and_tell(
        search,
        Function(search.look_up),
        lambda: not budget.spent(len(search.queries), search.epochs, search.seconds),
    )
    return search.trace()


class _Search(Proposals):
    """A strategy, its queries, and their cost.

    Attributes:
        queries: the proposals that were looked up.
        epochs: epochs trained so far.
        seconds: simulated device-seconds so far.
    """

    def __init__(self, table: Table, dataset: str, seed: int, strategy: SampledStrategy) -> None:
        super().__init__(strategy, self._known)
        self.table = table
        self.dataset = dataset
        self.seed = seed
        self.queries: list[Proposal] = []
        self.epochs = 0
        self.seconds = 0.0
        self._longest: dict[Arch, Result] = {}  # the longest training of each
        self._history: list[tuple[Result, int, float]] = []

    def _known(self, proposal: Proposal) -> Result | None:
        """Return the result of a training that was as long, or ``None``."""
        found = self._longest.get(proposal.arch)
        return found if found is not None and found.epochs >= proposal.epochs else None

    def look_up(self, proposal: Proposal) -> Result:
        """Return the result of a proposal, and add its cost.

        Raises:
            UserError: the table does not have what the strategy asks for.
        """
        arch, epochs = proposal.arch, proposal.epochs
        if epochs not in self.table.lengths:
            raise UserError(
                f"{type(self.strategy).__name__} asks for {epochs} epochs: {self.table.name} has "
                f"{', '.join(map(str, self.table.lengths))}"
            )
        score = self.table.validation(arch, self.dataset, epochs, self.seed)
        shorter = self._longest.get(arch)
        self.queries.append(proposal)
        self.epochs += epochs - (shorter.epochs if shorter else 0)
        self.seconds += self.table.seconds(arch, self.dataset, epochs)
        if shorter:
            self.seconds -= self.table.seconds(arch, self.dataset, shorter.epochs)
        wanted = self.strategy.measures
        costs = self.table.costs(arch, self.dataset) if wanted else {}
        for name in wanted:
            if name not in costs:
                raise UserError(
                    f"{type(self.strategy).__name__} asks for {name}: {self.table.name} has only "
                    f"{', '.join(costs)}"
                )
        self._longest[arch] = Result(arch, score, epochs, {name: costs[name] for name in wanted})
        return self._longest[arch]

    def tell(self, done: Evaluated) -> None:
        """Update the strategy with a result, and keep its incumbent."""
        super().tell(done)
        self._history.append((self.strategy.best(), self.epochs, self.seconds))

    def trace(self) -> Trace:
        """Return the search with the test accuracies of its incumbents.

        Raises:
            UserError: the strategy proposed nothing.
        """
        if not self.queries:
            raise UserError(
                "the strategy proposed no architecture: none was found within the limits"
            )
        best, epochs, seconds = zip(*self._history, strict=True)
        tests = {
            arch: self.table.outcome(arch, self.dataset, self.seed)
            for arch in dict.fromkeys(one.arch for one in best)
        }
        return Trace(
            self.seed,
            tuple(one.arch for one in self.queries),
            tuple(one.arch for one in best),
            np.array([one.score for one in best]),
            np.array([tests[one.arch] for one in best]),
            np.array(epochs),
            np.array(seconds),
        )


def amounts_at(budget: Budget, shares: Sequence[float] | Floats) -> Floats:
    """Return the amounts at these shares of the budget, ascending; whole trials and epochs."""
    amounts = budget.amount * np.array(shares)
    if budget.unit != "seconds":
        amounts = np.maximum(1.0, np.rint(amounts))
    return np.unique(amounts)


def values_at(
    traces: Sequence[Trace],
    what: Literal["test", "validation", "seconds"],
    unit: Unit,
    amounts: Floats,
) -> Floats:
    """Return a value of each search after it spent these amounts; after its end, the last one.

    Args:
        traces: the searches.
        what: accuracy of the incumbent in [0, 1], or the simulated time.
        unit: of the amounts.
        amounts: shape ``(points,)``.

    Returns:
        Shape ``(searches, points)``; NaN before the first result.
    """
    rows = []
    for trace in traces:
        values = np.concatenate(([np.nan], getattr(trace, what)))
        rows.append(values[np.searchsorted(trace.spent(unit), amounts, side="right")])
    return np.stack(rows)
