"""Anytime curves: the best validation accuracy so far against what the search has cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nasbench.report.curves import Curve
from nasbench.report.rows import Points, Row
from nasbench.report.statistics import bootstrap_band

SHARES = (0.25, 0.5, 1.0)
"""Shares of the smallest budget at which :func:`standings` compares the rows."""

_STEPS = 200  # points of the common grid: finer than a picture's pixels need


def with_curves(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of which at least one search seed has a curve that cost something."""
    return [row for row in rows if _courses(row)]


def curves(rows: Sequence[Row]) -> list[Curve]:
    """Return each row's mean curve in percent, all on one logarithmic grid of device-seconds.

    A row's curve begins where all its search seeds have a first result and ends with its
    longest search; the band is the 95 % bootstrap interval over search seeds.

    Args:
        rows: of one task; those without a curve are left out.
    """
    raced = with_curves(rows)
    if not raced:
        return []
    times = [time for row in raced for course in _courses(row) for time, _ in course if time > 0]
    grid = np.unique(np.geomspace(min(times), max(times), _STEPS))
    names = Counter(row.name for row in raced)
    return [_on(grid, row, row.name if names[row.name] == 1 else row.title) for row in raced]


def smallest_budget(rows: Sequence[Row]) -> float:
    """Return the device-seconds that every search of every row with a curve has spent.

    Raises:
        ValueError: no row has a curve.
    """
    return min(course[-1][0] for row in with_curves(rows) for course in _courses(row))


def standings(rows: Sequence[Row]) -> list[tuple[Row, Curve]]:
    """Return how the rows with a curve stand at :data:`SHARES` of the smallest budget.

    Each comes with a curve of as many points as there are shares; NaN where a search seed has
    no result yet.
    """
    raced = with_curves(rows)
    if not raced:
        return []
    times = smallest_budget(raced) * np.array(SHARES)
    return [(row, _on(times, row, row.name)) for row in raced]


def notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return what a reader of one task's curves must know; nothing where there are none."""
    if not with_curves(rows):
        return []
    found = [
        f"task {task}: a best validation accuracy is the best of many on the same images and "
        "flatters; the test accuracy is the result"
    ]
    for row in rows:
        told, seeds = len(_courses(row)), len(row.curves)
        if told < seeds:
            which = f"{seeds - told} of {seeds} search seeds of " if told else ""
            found.append(f"task {task}: the records hold no curve of {which}{row.title}")
    return found


def _courses(row: Row) -> list[Points]:
    """Return the search seeds' curves that cost something."""
    return [course for course in row.curves if course and course[-1][0] > 0]


def _on(times: NDArray[np.float64], row: Row, name: str) -> Curve:
    """Return the row's mean curve in percent at these device-seconds."""
    courses = _courses(row)
    values = 100 * np.array([_best_so_far(course, times) for course in courses])
    values[:, times > max(course[-1][0] for course in courses)] = np.nan
    low, high = bootstrap_band(values)
    return Curve(name, times, values.mean(axis=0), low, high)


def _best_so_far(course: Points, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the course as a step function; NaN before its first result."""
    spent, results = np.array(course).T
    best = np.concatenate(([np.nan], np.maximum.accumulate(results)))
    found: NDArray[np.float64] = best[np.searchsorted(spent, times, side="right")]
    return found
