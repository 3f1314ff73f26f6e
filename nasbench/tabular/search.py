"""Searches on a table with several seeds: options, parallel seeds, report."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nasbench import arguments, catalog
from nasbench.budget import Budget
from nasbench.engine.limits import FLAGS, Limits, too_small
from nasbench.errors import UserError
from nasbench.executors import Report, Work
from nasbench.optional import require
from nasbench.report.quantities import duration
from nasbench.report.statistics import bootstrap_band
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.tabular.base import Table
from nasbench.tabular.loading import DEVICES, load_table
from nasbench.tabular.parallel import Parallel
from nasbench.tabular.simulate import Trace, amounts_at, simulate, values_at

QUARTERS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class TableSearch:
    """The options of a search on a table, which can run with any seed in any process.

    Attributes:
        dataset: one of the table's data sets.
        strategy: its name in the catalog, ``file.py:Class`` or ``module:Class``.
        options: all options of the strategy.
        budget: of each search.
        limits: cost to its largest allowed value.
        given: those of them that the user gave.
    """

    dataset: str
    strategy: str
    options: Mapping[str, Any]
    budget: Budget
    limits: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The strategy's name, with the options that the user gave."""
        words = (f"{key}={value}" for key, value in self.given.items())
        return " ".join([catalog.short(self.strategy), *words])

    @classmethod
    def of(
        cls,
        table: Table,
        dataset: str | None,
        strategy: str,
        options: Mapping[str, Any],
        budget: Budget,
        limits: Mapping[str, float],
    ) -> TableSearch:
        """Return the checked options, with defaults filled in.

        Args:
            table: the table.
            dataset: one of the table's data sets; ``None`` for its first.
            strategy: its name.
            options: the strategy's options that the user gave.
            budget: of each search.
            limits: cost to its largest allowed value.

        Raises:
            UserError: an option does not fit the strategy or the table, or no architecture is
                within the limits.
        """
        dataset = dataset or table.datasets[0]
        table.check(dataset)
        kind = sampled_strategy(strategy)
        (own,) = arguments.split(options, strategy=arguments.of_dataclass(kind.Options))
        if budget.unit == "seconds" and not table.timed:
            raise UserError(
                f"--budget {budget}: {table.name} has no training times: allowed: trials, epochs"
            )
        if "latency_ms" in limits and not table.latencies:
            raise UserError(
                f"{FLAGS['latency_ms']} {limits['latency_ms']:g}: needs --device: "
                f"allowed: {', '.join(DEVICES)}"
            )
        if limits:  # a table knows the costs of all architectures
            costs = [table.costs(arch, dataset) for arch in table.domains.enumerate()]
            for name, limit in limits.items():
                smallest = min(one[name] for one in costs)
                if smallest > limit:
                    raise too_small(name, limit, smallest, table.name, sure=True)
            if not any(all(one[name] <= limit for name, limit in limits.items()) for one in costs):
                given = ", ".join(f"{FLAGS[name]} {limit:g}" for name, limit in limits.items())
                raise UserError(f"{given}: no architecture of {table.name} is within all limits")
        return cls(dataset, strategy, asdict(kind.Options(**own)), budget, limits, options)

    def run(self, table: Table, seed: int) -> Trace:
        """Return one search, computed in one thread.

        Raises:
            UserError: the strategy refuses, or the user's own one fails.
        """
        kind = sampled_strategy(self.strategy)
        limits = Limits(self.limits, lambda arch, name: table.costs(arch, self.dataset)[name])
        # Several processes with several threads each would compete for the cores; and with one
        # thread, sums do not depend on the number of cores.
        with (
            require("threadpoolctl", "simulating searches").threadpool_limits(limits=1),
            own_code("strategy", self.strategy),
        ):
            return simulate(
                table,
                self.dataset,
                kind,
                kind.Options(**self.options),
                seed,
                self.budget,
                limits.violation if self.limits else None,
            )


class OwnCodeError(UserError):
    """The user's own code raised an exception."""


@contextmanager
def own_code(kind: str, name: str) -> Iterator[None]:
    """Turn an exception of a user's own plug-in into one line that names its place.

    Args:
        kind: of the plug-in.
        name: its name; one in the catalog keeps its exceptions, which are bugs of nasbench.

    Raises:
        OwnCodeError: inside of the block something else than a :class:`UserError` was raised.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if name in catalog.TABLES[kind]:
            raise
        frames = traceback.extract_tb(error.__traceback__)
        file = Path(name.rpartition(":")[0]).name
        own = [frame for frame in frames if Path(frame.filename).name == file] or frames
        raise OwnCodeError(
            f"{kind} {catalog.short(name)}: {type(error).__name__}: {error} "
            f"({Path(own[-1].filename).name} line {own[-1].lineno})"
        ) from error


def sampled_strategy(name: str) -> type[SampledStrategy]:
    """Return the sampled strategy of that name.

    Raises:
        UserError: it is unknown, or not a sampled strategy.
    """
    kind = catalog.resolve("strategy", name)
    if not (isinstance(kind, type) and issubclass(kind, SampledStrategy)):
        raise UserError(f"strategy {name!r}: a table works with sampled strategies only")
    return kind


def run_seeds(table: Table, search: TableSearch, seeds: Sequence[int], jobs: int) -> list[Trace]:
    """Return one search for each seed, in the order of the seeds.

    A search depends on its seed alone, so results do not depend on the number of processes.

    Args:
        table: the table; each process gets a copy.
        search: the options of the searches.
        seeds: of the searches.
        jobs: number of processes; with 1 the searches run in this process.

    Raises:
        UserError: the strategy refuses, or the user's own one fails.
        RuntimeError: a search failed in its process, which is a bug.
    """
    with Parallel(WORKER, table, min(jobs, len(seeds))) as parallel:
        found = dict(parallel.run([(search, seed) for seed in seeds]))
    for result in found.values():
        if isinstance(result, UserError):
            raise result
    return [found[number] for number in range(len(seeds))]


def worker(table: Table) -> Work:
    """Return the work of a process: a search, or the error with which its strategy refuses."""

    def search(payload: tuple[TableSearch, int], report: Report) -> Trace | UserError:
        one, seed = payload
        try:
            return one.run(table, seed)
        except UserError as refusal:  # raised again by run_seeds
            return refusal

    return search


WORKER = f"{__name__}:{worker.__name__}"


@dataclass(frozen=True)
class Point:
    """The searches after a part of their budget: means over the seeds.

    Attributes:
        spent: amount spent, in the budget's unit.
        test: test accuracy of the incumbent, in [0, 1].
        low: lower end of its 95 % interval; NaN for one seed.
        high: upper end.
        validation: validation accuracy of the incumbent, in [0, 1].
        seconds: simulated device-seconds.
    """

    spent: float
    test: float
    low: float
    high: float
    validation: float
    seconds: float


@dataclass(frozen=True, eq=False)
class TableReport:
    """Searches with several seeds on a table.

    Attributes:
        table: the table.
        search: the options of the searches.
        traces: the searches, one for each seed.
    """

    table: Table
    search: TableSearch
    traces: Sequence[Trace]

    def points(self) -> list[Point]:
        """Return the mean results at each quarter of the budget."""
        budget = self.search.budget
        amounts = amounts_at(budget, QUARTERS)
        ends = np.append(amounts[:-1], np.inf)  # the last trial may end after the budget's end
        tests, scores, seconds = (
            values_at(self.traces, what, budget.unit, ends)
            for what in ("test", "validation", "seconds")
        )
        columns = (tests.mean(0), *bootstrap_band(tests), scores.mean(0), seconds.mean(0))
        return [Point(*map(float, one)) for one in zip(amounts, *columns, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values; accuracies in [0, 1].

        The key ``test`` is ``unseen`` for a table without test accuracies.
        """
        search = self.search
        result = "test" if self.table.result == Table.result else "unseen"
        return {
            "table": self.table.name,
            "dataset": search.dataset,
            "strategy": catalog.short(search.strategy),
            "options": dict(search.options),
            "budget": str(search.budget),
            "limits": dict(search.limits),
            "note": self.table.note,
            "result": self.table.result,
            "points": [
                {
                    result if name == "test" else name: None if np.isnan(v) else round(v, 6)
                    for name, v in vars(point).items()
                }
                for point in self.points()
            ],
            "chosen": [
                {
                    "seed": trace.seed,
                    "arch": self.table.space.text(trace.incumbents[-1]),
                    "validation": round(float(trace.validation[-1]), 6),
                    result: round(float(trace.test[-1]), 6),
                    "trials": len(trace.archs),
                    "epochs": int(trace.epochs[-1]),
                    "device_seconds": round(float(trace.seconds[-1]), 1),
                }
                for trace in self.traces
            ],
        }

    def text(self) -> str:
        """Return the report as a text table; accuracies in percent."""
        table, unit = self.table, self.search.budget.unit
        seeds = f"{len(self.traces)} seed{'s' if len(self.traces) > 1 else ''}"
        strategy = catalog.short(self.search.strategy)
        plain = table.result == Table.result
        head = f"{table.result} [95 %]" if plain else "unseen trainings [95 %]"
        seen = "validation" if plain else "seen"
        what = "" if plain else f", {table.result}"
        rows: list[tuple[str, ...]] = [(unit, head, seen, "device-time")]
        for point in self.points():
            spent = duration(point.spent) if unit == "seconds" else f"{point.spent:.0f}"
            test = with_interval(point.test, point.low, point.high)
            time = "-" if np.isnan(point.seconds) else duration(point.seconds)
            rows.append((spent, test, with_interval(point.validation), time))
        lines = [f"{strategy} on {table.name}, {self.search.dataset}: mean over {seeds}{what}"]
        for spent, test, validation, time in rows:
            line = f"{spent:>8}  {test:<23}  {validation:>10}"
            lines.append(f"{line}  {time:>11}" if table.timed else line)
        if table.timed:
            lines.append("device-time is simulated: the time that the trainings would have taken")
        if table.note:
            lines.append(f"note: {table.note}")
        return "\n".join(lines)


def run_table_search(
    strategy: str,
    options: Mapping[str, Any],
    table: str,
    dataset: str | None,
    seeds: int,
    first_seed: int,
    budget: str,
    limits: Mapping[str, float],
    data_dir: Path | None = None,
    jobs: int = 1,
    device: str | None = None,
) -> TableReport:
    """Run searches on a table with several seeds.

    Args:
        strategy: its name.
        options: options of the strategy by name; the others keep their defaults.
        table: its name, or ``NAME=PATH``.
        dataset: one of the table's data sets; its first by default.
        seeds: number of searches, at least 1.
        first_seed: seed of the first search; the others count up from it.
        budget: of each search; see :meth:`nasbench.budget.Budget.parse`.
        limits: ``params``, ``macs`` or ``latency_ms`` to its largest allowed value.
        data_dir: folder of the table.
        jobs: number of processes.
        device: device of the measured latencies to look up.

    Raises:
        UserError: an option does not fit.
    """
    found = load_table(table, data_dir, device)
    search = TableSearch.of(found, dataset, strategy, options, Budget.parse(budget), limits)
    traces = run_seeds(found, search, range(first_seed, first_seed + seeds), jobs)
    return TableReport(found, search, traces)


def with_interval(mean: float, low: float = np.nan, high: float = np.nan) -> str:
    """Return an accuracy in percent with its interval, if known; ``-`` for NaN.

    Args:
        mean: the accuracy in [0, 1].
        low: lower end of its interval; NaN if there is none.
        high: upper end.
    """
    if np.isnan(mean):
        return "-"
    interval = "" if np.isnan(low) else f" [{100 * low:.2f}, {100 * high:.2f}]"
    return f"{100 * mean:.2f}{interval}"
