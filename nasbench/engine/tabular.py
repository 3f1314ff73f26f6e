"""Searches on a table: from their options to a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasbench import catalog
from nasbench.budget import Budget, Unit
from nasbench.engine.seed_pool import SeedPool
from nasbench.engine.simulation import Simulation
from nasbench.report.quantities import duration
from nasbench.report.statistics import bootstrap_band
from nasbench.tabular.anytime import held, marks
from nasbench.tabular.base import Table
from nasbench.tabular.loading import load_table
from nasbench.tabular.simulate import Trace

QUARTERS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Point:
    """The searches after a part of their budget: means over the seeds.

    Attributes:
        spent: what they had spent, in the budget's unit.
        test: test accuracy of what they would have chosen, in [0, 1].
        low: lower end of its 95 % interval; NaN for one seed.
        high: upper end.
        validation: validation accuracy that they saw of it, in [0, 1].
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
    """Searches of several seeds on a table.

    Attributes:
        table: what was asked.
        simulation: what was run.
        traces: the searches, one for each seed.
    """

    table: Table
    simulation: Simulation
    traces: Sequence[Trace]

    def points(self) -> list[Point]:
        """Return how the searches stood at each quarter of the budget."""
        budget = self.simulation.budget
        amounts = marks(budget, QUARTERS)
        ends = np.append(amounts[:-1], np.inf)  # the last trial may end after the budget's end
        tests, scores, seconds = (
            held(self.traces, what, budget.unit, ends)
            for what in ("test", "validation", "seconds")
        )
        columns = (tests.mean(0), *bootstrap_band(tests), scores.mean(0), seconds.mean(0))
        return [Point(*map(float, one)) for one in zip(amounts, *columns, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values; accuracies in [0, 1]."""
        simulation = self.simulation
        return {
            "table": self.table.name,
            "dataset": simulation.dataset,
            "strategy": catalog.short(simulation.strategy),
            "options": dict(simulation.options),
            "budget": str(simulation.budget),
            "limits": dict(simulation.limits),
            "note": self.table.note,
            "points": [_plain(vars(point)) for point in self.points()],
            "chosen": [_chosen(self.table, trace) for trace in self.traces],
        }


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
    """Search on a table with several seeds.

    Args:
        strategy: its name.
        options: of the strategy, by name; the others keep their defaults.
        table: its name, or ``NAME=PATH``.
        dataset: one of the table's; its first by default.
        seeds: how many searches.
        first_seed: of the first one; the others count up.
        budget: of each search; see :meth:`nasbench.budget.Budget.parse`.
        limits: ``params``, ``macs`` or ``latency_ms`` to its largest allowed value.
        data_dir: where the table lies.
        jobs: processes.
        device: whose measured latencies are looked up.

    Raises:
        UserError: something does not fit; one line tells what.
    """
    found = load_table(table, data_dir, device)
    simulation = Simulation.of(found, dataset, strategy, options, Budget.parse(budget), limits)
    with SeedPool(found, min(jobs, seeds)) as pool:
        traces = pool.run(simulation, range(first_seed, first_seed + seeds))
    return TableReport(found, simulation, traces)


def text(report: TableReport) -> str:
    """Return the report as a table for people; accuracies in percent."""
    simulation, table = report.simulation, report.table
    seeds = f"{len(report.traces)} seed{'s' if len(report.traces) > 1 else ''}"
    strategy = catalog.short(simulation.strategy)
    rows = [_row(point, simulation.budget.unit) for point in report.points()]
    head = (simulation.budget.unit, "test accuracy [95 %]", "validation", "device-time")
    lines = [f"{strategy} on {table.name}, {simulation.dataset}: mean over {seeds}"]
    for spent, test, validation, time in (head, *rows):
        line = f"{spent:>8}  {test:<22}  {validation:>10}"
        lines.append(f"{line}  {time:>11}" if table.timed else line)
    if table.timed:
        lines.append("device-time is simulated: what the trainings would have taken")
    if table.note:
        lines.append(f"note: {table.note}")
    return "\n".join(lines)


def _row(point: Point, unit: Unit) -> tuple[str, str, str, str]:
    """Return the cells of a line."""
    spent = duration(point.spent) if unit == "seconds" else f"{point.spent:.0f}"
    test = with_interval(point.test, point.low, point.high)
    time = "-" if np.isnan(point.seconds) else duration(point.seconds)
    return spent, test, with_interval(point.validation), time


def with_interval(mean: float, low: float = np.nan, high: float = np.nan) -> str:
    """Return an accuracy in percent and its interval where there is one; ``-`` for NaN."""
    if np.isnan(mean):
        return "-"
    interval = "" if np.isnan(low) else f" [{100 * low:.2f}, {100 * high:.2f}]"
    return f"{100 * mean:.2f}{interval}"


def _chosen(table: Table, trace: Trace) -> dict[str, Any]:
    """Return what one search ended with."""
    return {
        "seed": trace.seed,
        "arch": table.space.text(trace.incumbents[-1]),
        "validation": round(float(trace.validation[-1]), 6),
        "test": round(float(trace.test[-1]), 6),
        "trials": len(trace.archs),
        "epochs": int(trace.epochs[-1]),
        "device_seconds": round(float(trace.seconds[-1]), 1),
    }


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    """Return numbers as JSON can hold them: ``None`` for NaN."""
    return {name: None if np.isnan(value) else round(value, 6) for name, value in values.items()}
