"""Every row against random search on the same task: difference, and whether the race was fair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from nasbench.report.quantities import duration
from nasbench.report.rows import Difference, Row
from nasbench.report.statistics import difference_interval
from nasbench.report.variants import differing_keys

RANDOM = "random"
"""The method's name under which random search stands on the leaderboard."""

_FAIR = (0.8, 1.25)  # random's search cost as a share of the method's


def with_differences(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with their difference from random search, where both have several runs."""
    return [replace(row, versus_random=_difference(row, rival(row, rows))) for row in rows]


def rival(row: Row, rows: Sequence[Row]) -> Row | None:
    """Return the random-search row to hold ``row`` against, or ``None`` if there is none.

    A rival on the same space comes first, then one retrained the same way, then the one whose
    search cost is nearest.
    """
    if row.method == RANDOM:
        return None
    candidates = [one for one in rows if one.method == RANDOM and one.task == row.task]
    return min(
        candidates,
        key=lambda one: (
            one.space != row.space,
            one.retrain_config != row.retrain_config,
            abs(_log_cost(one) - _log_cost(row)),
        ),
        default=None,
    )


def notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return what a reader of one task's rows must know about the comparison with random."""
    if not any(row.method == RANDOM for row in rows):
        return [
            f"no random-search row for task {task}: run `nasbench search random --task {task}` "
            "and retrain its checkpoint"
        ]
    pairs = [(row, rival(row, rows)) for row in rows]
    return [f"task {task}: {note}" for row, other in pairs if other for note in _fair(row, other)]


def _fair(row: Row, other: Row) -> list[str]:
    """Return why the comparison of ``row`` with random's row ``other`` is not like with like."""
    found = []
    if row.space != other.space:
        found.append(
            f"{row.name} on {row.space} is held against random on {other.space}: "
            f"no random-search row on {row.space}"
        )
    if _unequal(row, other):
        found.append(
            f"random's search took {duration(other.search_seconds)}, "
            f"{row.name}'s {duration(row.search_seconds)}: not an equal budget"
        )
    if keys := differing_keys(row.retrain_config, other.retrain_config):
        found.append(
            f"{row.name} and {other.name} were retrained differently ({', '.join(keys)}): "
            "their difference is not the search's alone"
        )
    return found


def _unequal(row: Row, other: Row) -> bool:
    if row.search_seconds <= 0 and row.search_evaluations <= 0:
        return False  # a baseline: it searched nothing, so there is no budget to match
    low, high = (share * row.search_seconds for share in _FAIR)
    return not low <= other.search_seconds <= high


def _difference(row: Row, other: Row | None) -> Difference | None:
    if other is None:
        return None
    interval = difference_interval(row.accuracies, other.accuracies)
    return Difference(row.mean - other.mean, *interval) if interval else None


def _log_cost(row: Row) -> float:
    return math.log(max(row.search_seconds, 1e-3))
