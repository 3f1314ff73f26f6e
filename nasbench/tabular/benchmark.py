"""Benchmark of sampled strategies on a table over the same seeds (``nasbench bench``)."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasbench import arguments, catalog
from nasbench.budget import Budget, Unit
from nasbench.errors import UserError
from nasbench.executors import Report, Work
from nasbench.report.ranks import Ranking, ranking
from nasbench.report.statistics import bootstrap_band
from nasbench.space import Arch
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.tabular.base import Table
from nasbench.tabular.loading import load_table
from nasbench.tabular.parallel import Kept, Parallel, code_digest, job_key
from nasbench.tabular.search import OwnCodeError, TableSearch, sampled_strategy
from nasbench.tabular.simulate import Floats, Trace, amounts_at, values_at

BASELINE = "random"
"""The strategy that all others are compared with."""

CODE = ("nasbench.strategies", "nasbench.tabular")
_OPTION = re.compile(r"\s+-o\s+")

SHARES = tuple(trials / 300 for trials in (10, 25, 50, 100, 150, 200, 300))
"""Shares of the budget at which the strategies are compared."""


@dataclass(frozen=True, eq=False)
class Entry:
    """The searches of one strategy.

    Attributes:
        search: the options of the searches.
        traces: the searches, one for each seed.
        cpu_seconds: CPU time of all of them.
    """

    search: TableSearch
    traces: Sequence[Trace]
    cpu_seconds: float

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self.search.name


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
        best: the largest mean result of an architecture in the table, in [0, 1].
    """

    table: Table
    dataset: str
    budget: Budget
    seeds: range
    entries: Sequence[Entry]
    refused: Mapping[str, str]
    best: float

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


def run_benchmarks(
    strategies: Sequence[str],
    table: str,
    datasets: Sequence[str],
    seeds: int,
    budget: str,
    data_dir: Path | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda line: None,
    kept: Path | None = None,
) -> list[Benchmark]:
    """Run every strategy on several data sets of a table.

    Args:
        strategies: their names, or ``NAME -o key=value ...`` for one with other options; if
            empty, all sampled strategies of the catalog.
        table: its name, or ``NAME=PATH``.
        datasets: some of the table's data sets; if empty, all of them.
        seeds: number of searches of each strategy, at least 1; their seeds start at 0.
        budget: of each search; see :meth:`nasbench.budget.Budget.parse`.
        data_dir: folder of the table.
        jobs: number of processes.
        progress: called with a line after each strategy.
        kept: a file of finished searches: those of an interrupted benchmark are taken over.

    Returns:
        A benchmark for each data set.

    Raises:
        UserError: a name is unknown, the table cannot be used, every strategy refuses, or the
            user's own one fails.
    """
    found, limit = load_table(table, data_dir), Budget.parse(budget)
    names = sorted(
        dict.fromkeys(strategies or sampled_strategies()),
        key=lambda name: (name != BASELINE, name in catalog.STRATEGIES),
    )
    variants = [(name, arguments.parse(given)) for name, *given in map(_OPTION.split, names)]
    groups = [
        [TableSearch.of(found, dataset, name, given, limit, {}) for name, given in variants]
        for dataset in datasets or found.datasets
    ]
    searches = _Searches(found, seeds, Kept(kept), progress)
    searches.run([one for group in groups for one in group], jobs)
    return [searches.benchmark(group, limit) for group in groups]


class _Searches:
    """Searches of a benchmark: those that a file has, and the others in several processes."""

    def __init__(
        self, table: Table, seeds: int, kept: Kept, progress: Callable[[str], None]
    ) -> None:
        self.table, self.seeds, self.progress, self.kept = table, range(seeds), progress, kept
        archs = list(table.domains.enumerate())
        self.finals = {
            dataset: np.array([table.test(arch, dataset) for arch in archs])
            for dataset in table.datasets
        }
        self._content = {dataset: self._digest(archs, dataset) for dataset in table.datasets}
        self.traces: dict[TableSearch, dict[int, Trace]] = {}
        self.cpu: dict[TableSearch, float] = {}
        self.refused: dict[TableSearch, str] = {}
        self.keys: dict[TableSearch, str] = {}

    def run(self, searches: Sequence[TableSearch], jobs: int) -> None:
        """Run all searches with all seeds."""
        missing = []
        for one in searches:
            self.traces[one], self.cpu[one] = {}, 0.0
            self.keys[one] = key = self._key(one)
            for seed in self.seeds:
                try:
                    self._add(one, seed, self.kept.get(job_key(key, seed)))
                except (KeyError, TypeError, ValueError, IndexError):  # none there, or no search
                    missing.append((one, seed))
        total = len(searches) * len(self.seeds)
        if len(missing) < total:
            self.progress(
                f"{total - len(missing):,} of {total:,} searches are in {self.kept.path}"
            )
        said = time.monotonic()
        with Parallel(
            f"{__name__}:{worker.__name__}", self.table, max(1, min(jobs, len(missing)))
        ) as p:
            for done, (number, result) in enumerate(p.run(missing), 1 + total - len(missing)):
                one, seed = missing[number]
                if isinstance(result, OwnCodeError):
                    raise result
                if isinstance(result, UserError):
                    if one not in self.refused:
                        self.progress(f"{one.name} refuses: {result}")
                    self.refused[one] = str(result)
                    continue
                self.kept.put(job_key(self.keys[one], seed), result)
                self._add(one, seed, result)
                count = f"{done:,} of {total:,} searches"
                if len(self.traces[one]) == len(self.seeds):
                    name = f"{one.dataset}, {one.name}"
                    self.progress(f"{name}: {self.cpu[one]:.1f} s of CPU time; {count}")
                    said = time.monotonic()
                elif time.monotonic() - said > 20:
                    self.progress(count)
                    said = time.monotonic()

    def _add(self, search: TableSearch, seed: int, plain: Any) -> None:
        self.traces[search][seed] = Trace.from_json(plain)
        self.cpu[search] += float(plain["cpu_seconds"])

    def _digest(self, archs: Sequence[Arch], dataset: str) -> str:
        """Return a digest of what searches see of a data set, and of the table's own code."""
        table, digest = self.table, hashlib.sha256(self.finals[dataset].tobytes())
        digest.update(code_digest(type(table)).encode())
        for arch in archs:
            seen = (*table.trainings(arch, dataset), table.costs(arch, dataset))
            times = [table.seconds(arch, dataset, epochs) for epochs in table.lengths]
            short = [table.validation(arch, dataset, epochs, 0) for epochs in table.lengths[:-1]]
            digest.update(repr((seen, times, short)).encode())
        return digest.hexdigest()

    def _key(self, one: TableSearch) -> str:
        """Return what a search depends on besides its seed."""
        code = code_digest(sampled_strategy(one.strategy), *CODE)
        table = (self.table.name, self.table.note, one.dataset, self._content[one.dataset])
        return job_key(
            table, catalog.short(one.strategy), code, dict(one.options), str(one.budget)
        )

    def benchmark(self, searches: Sequence[TableSearch], budget: Budget) -> Benchmark:
        """Return the benchmark of a data set.

        Raises:
            UserError: every strategy refuses.
        """
        entries = [
            Entry(one, [self.traces[one][seed] for seed in self.seeds], self.cpu[one])
            for one in searches
            if one not in self.refused
        ]
        why = {one.name: self.refused[one] for one in searches if one in self.refused}
        if not entries:
            raise UserError("; ".join(f"{name}: {reason}" for name, reason in why.items()))
        dataset = searches[0].dataset
        best = float(self.finals[dataset].max())
        return Benchmark(self.table, dataset, budget, self.seeds, entries, why, best)


def worker(table: Table) -> Work:
    """Return the work of a process: a search as plain values, or why its strategy refuses."""

    def search(payload: tuple[TableSearch, int], report: Report) -> dict[str, Any] | UserError:
        one, seed = payload
        begin = time.process_time()
        try:
            found = one.run(table, seed).to_json()
        except UserError as refusal:
            return refusal
        return {**found, "cpu_seconds": round(time.process_time() - begin, 3)}

    return search


def ranks(benchmarks: Sequence[Benchmark]) -> Ranking | None:
    """Return the ranks of the strategies by their results at the end of the budget.

    A block is a data set with a seed. Strategies that refuse on some data set are left out.

    Args:
        benchmarks: of the same strategies on several data sets.
    """
    results: dict[str, list[Floats]] = {}
    for one in benchmarks:
        for entry in one.entries:
            ends = np.array([trace.test[-1] for trace in entry.traces])
            results.setdefault(entry.name, []).append(ends)
    whole = {
        name: np.concatenate(each)
        for name, each in results.items()
        if len(each) == len(benchmarks)
    }
    return ranking(whole, higher_is_better=True)


def sampled_strategies() -> list[str]:
    """Return the names of the catalog's sampled strategies."""
    kinds = {name: catalog.resolve("strategy", name) for name in catalog.STRATEGIES}
    return [name for name, kind in kinds.items() if issubclass(kind, SampledStrategy)]
