"""What a race of strategies showed: numbers, tables, curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import provenance
from nasbench.budget import Unit
from nasbench.engine.strategies_bench import Entrant, Race
from nasbench.report.curves import Curve
from nasbench.report.statistics import bootstrap_band
from nasbench.tabular.anytime import held, marks, spent

SHARES = tuple(trials / 300 for trials in (10, 25, 50, 100, 150, 200, 300))
"""Parts of the budget at which the strategies are compared."""

_CURVE = 120  # points of a curve, or fewer

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Standing:
    """One strategy at several amounts spent: means over the seeds, accuracies in [0, 1].

    Every array has the shape ``(points,)`` and NaN where the searches did not get.

    Attributes:
        entrant: the strategy.
        mean: test accuracy of what its searches held for the best.
        low: lower end of the 95 % bootstrap interval.
        high: upper end.
        ahead: the mean difference from random, seed by seed.
        ahead_low: lower end of its 95 % bootstrap interval, paired over the seeds.
        ahead_high: upper end.
    """

    entrant: Entrant
    mean: _Floats
    low: _Floats
    high: _Floats
    ahead: _Floats
    ahead_low: _Floats
    ahead_high: _Floats


def checkpoints(race: Race) -> _Floats:
    """Return the amounts at which the strategies are compared, in the budget's unit."""
    return marks(race.budget, SHARES)


def random_times(race: Race) -> _Floats:
    """Return the device-seconds that random had spent at the checkpoints, the mean over seeds.

    Empty where random was not there, or the table knows no times.
    """
    if race.rival is None or not race.table.timed or race.budget.unit == "seconds":
        return np.array([])
    seconds = held(race.rival.traces, "seconds", race.budget.unit, checkpoints(race))
    return np.asarray(seconds.mean(0))


def standings(race: Race, unit: Unit, amounts: _Floats) -> list[Standing]:
    """Return how each strategy stood when its searches had spent these amounts.

    In another unit than the budget's, a strategy has no value above what its searches spent in
    the mean.
    """
    tests = {one: held(one.traces, "test", unit, amounts) for one in race.entrants}
    if unit != race.budget.unit:
        for one, test in tests.items():
            end = np.mean([spent(trace, unit)[-1] for trace in one.traces])
            test[:, amounts > end * (1 + 1e-9)] = np.nan
    nothing = np.full((len(race.seeds), len(amounts)), np.nan)
    rival = tests[race.rival] if race.rival else nothing
    found = []
    for entrant, test in tests.items():
        ahead = nothing if entrant is race.rival else test - rival
        numbers = (test.mean(0), *bootstrap_band(test), ahead.mean(0), *bootstrap_band(ahead))
        found.append(Standing(entrant, *numbers))
    return found


def curves(race: Race) -> list[Curve]:
    """Return the strategies' curves in percent against what was spent, from 1/30 of it on."""
    grid = marks(race.budget, np.geomspace(SHARES[0], 1.0, _CURVE))
    return [
        Curve(one.entrant.name, grid, 100 * one.mean, 100 * one.low, 100 * one.high)
        for one in standings(race, race.budget.unit, grid)
    ]


def to_json(race: Race) -> dict[str, Any]:
    """Return the race as plain values; accuracies in [0, 1]."""
    unit, times = race.budget.unit, random_times(race)
    by_budget = standings(race, unit, checkpoints(race))
    by_time = standings(race, "seconds", times) if len(times) else []
    return {
        "table": race.table.name,
        "dataset": race.dataset,
        "budget": str(race.budget),
        "seeds": list(race.seeds),
        "note": race.table.note,
        f"at_{unit}": checkpoints(race).tolist(),
        "at_device_seconds": times.tolist(),
        "strategies": [_entrant(one) for one in race.entrants],
        f"after_{unit}": {one.entrant.name: _plain(one) for one in by_budget},
        "after_device_seconds": {one.entrant.name: _plain(one) for one in by_time},
        "refused": dict(race.refused),
        "provenance": provenance.collect(),
    }


def _entrant(entrant: Entrant) -> dict[str, Any]:
    traces = entrant.traces
    return {
        "name": entrant.name,
        "options": dict(entrant.simulation.options),
        "wall_seconds": round(entrant.wall_seconds, 2),
        "trials": float(np.mean([len(trace.archs) for trace in traces])),
        "device_seconds": float(np.mean([trace.seconds[-1] for trace in traces])),
        "test": [round(float(trace.test[-1]), 6) for trace in traces],
        "validation": [round(float(trace.validation[-1]), 6) for trace in traces],
    }


def _plain(standing: Standing) -> dict[str, list[float | None]]:
    names = ("mean", "low", "high", "ahead", "ahead_low", "ahead_high")
    return {name: _numbers(getattr(standing, name)) for name in names}


def _numbers(values: Sequence[float] | _Floats) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 6) for value in values]
