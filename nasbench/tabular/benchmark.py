"""Benchmark of sampled strategies on a table over the same seeds (``nasbench bench``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasbench import catalog
from nasbench.budget import Budget, Unit
from nasbench.errors import UserError
from nasbench.report.statistics import bootstrap_band
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.tabular.base import Table
from nasbench.tabular.loading import load_table
from nasbench.tabular.search import ParallelSeeds, TableSearch
from nasbench.tabular.simulate import Floats, Trace, amounts_at, values_at

BASELINE = "random"
"""The strategy that all others are compared with."""

SHARES = tuple(trials / 300 for trials in (10, 25, 50, 100, 150, 200, 300))
"""Shares of the budget at which the strategies are compared."""


@dataclass(frozen=True, eq=False)
class Entry:
    """The searches of one strategy.

    Attributes:
        search: the options of the searches.
        traces: the searches, one for each seed.
        wall_seconds: wall-clock time of all of them.
    """

    search: TableSearch
    traces: Sequence[Trace]
    wall_seconds: float

    @property
    def name(self) -> str:
        """The strategy's name."""
        return catalog.short(self.search.strategy)


@dataclass(frozen=True, eq=False)
class Scores:
    """One strategy after several amounts spent: means over the seeds, accuracies in [0, 1].

    Every array has the shape ``(points,)`` and NaN at amounts that the searches did not reach.

    Attributes:
        entry: the strategy.
        mean: test accuracy of the incumbents.
        low: lower end of the 95 % bootstrap interval.
        high: upper end.
        ahead: mean difference from random, paired by seed.
        ahead_low: lower end of its 95 % bootstrap interval.
        ahead_high: upper end.
    """

    entry: Entry
    mean: Floats
    low: Floats
    high: Floats
    ahead: Floats
    ahead_low: Floats
    ahead_high: Floats


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Searches of several strategies on a table.

    Attributes:
        table: the table.
        dataset: one of the table's data sets.
        budget: of each search.
        seeds: of the searches, the same for every strategy.
        entries: the strategies, ``random`` first.
        refused: strategies that cannot search this table, with their reasons.
    """

    table: Table
    dataset: str
    budget: Budget
    seeds: range
    entries: Sequence[Entry]
    refused: Mapping[str, str]

    @property
    def baseline(self) -> Entry | None:
        """The searches of ``random``, if it took part."""
        return next((one for one in self.entries if one.name == BASELINE), None)

    def amounts(self) -> Floats:
        """Return the amounts at which the strategies are compared, in the budget's unit."""
        return amounts_at(self.budget, SHARES)

    def baseline_seconds(self) -> Floats:
        """Return the device-seconds of random at :meth:`amounts`, the mean over seeds.

        Empty if random did not take part, the table has no times, or the budget is in seconds.
        """
        if self.baseline is None or not self.table.timed or self.budget.unit == "seconds":
            return np.array([])
        seconds = values_at(self.baseline.traces, "seconds", self.budget.unit, self.amounts())
        return np.asarray(seconds.mean(0))

    def scores(self, unit: Unit, amounts: Floats) -> list[Scores]:
        """Return the scores of each strategy after its searches spent these amounts.

        In another unit than the budget's, a strategy has no value above the mean amount that its
        searches spent.

        Args:
            unit: of the amounts.
            amounts: shape ``(points,)``.
        """
        tests = {one: values_at(one.traces, "test", unit, amounts) for one in self.entries}
        if unit != self.budget.unit:
            for one, test in tests.items():
                end = np.mean([trace.spent(unit)[-1] for trace in one.traces])
                test[:, amounts > end * (1 + 1e-9)] = np.nan
        nothing = np.full((len(self.seeds), len(amounts)), np.nan)
        baseline = tests[self.baseline] if self.baseline else nothing
        found = []
        for entry, test in tests.items():
            ahead = nothing if entry is self.baseline else test - baseline
            numbers = (test.mean(0), *bootstrap_band(test), ahead.mean(0), *bootstrap_band(ahead))
            found.append(Scores(entry, *numbers))
        return found


def run_benchmark(
    strategies: Sequence[str],
    table: str,
    dataset: str | None,
    seeds: int,
    budget: str,
    data_dir: Path | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda line: None,
) -> Benchmark:
    """Run every strategy with its default options.

    Args:
        strategies: their names; if empty, all sampled strategies of the catalog.
        table: its name, or ``NAME=PATH``.
        dataset: one of the table's data sets; its first by default.
        seeds: number of searches of each strategy, at least 1; their seeds start at 0.
        budget: of each search; see :meth:`nasbench.budget.Budget.parse`.
        data_dir: folder of the table.
        jobs: number of processes.
        progress: called with a line after each strategy.

    Raises:
        UserError: a name is unknown, the table cannot be used, or every strategy refuses.
    """
    found, limit = load_table(table, data_dir), Budget.parse(budget)
    names = dict.fromkeys(strategies or sampled_strategies())
    searches = [
        TableSearch.of(found, dataset, name, {}, limit, {})
        for name in sorted(names, key=lambda name: name != BASELINE)
    ]
    entries, refused = [], {}
    with ParallelSeeds(found, min(jobs, seeds)) as parallel:
        for search in searches:
            name, start = catalog.short(search.strategy), time.perf_counter()
            try:
                traces = parallel.run(search, range(seeds))
            except UserError as refusal:  # listed in the report
                refused[name] = str(refusal)
                progress(f"{name} refuses: {refusal}")
                continue
            entries.append(Entry(search, traces, time.perf_counter() - start))
            progress(f"{name}: {seeds} searches in {entries[-1].wall_seconds:.1f} s")
    if not entries:
        raise UserError("; ".join(f"{name}: {why}" for name, why in refused.items()))
    return Benchmark(found, searches[0].dataset, limit, range(seeds), entries, refused)


def sampled_strategies() -> list[str]:
    """Return the names of the catalog's sampled strategies."""
    kinds = {name: catalog.resolve("strategy", name) for name in catalog.STRATEGIES}
    return [name for name, kind in kinds.items() if issubclass(kind, SampledStrategy)]
