"""Every row against random search on the same task: difference, and whether the race was fair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from nasbench.report.differences import difference, sentence
from nasbench.report.fairness import caveats
from nasbench.report.rows import Row

RANDOM = "random"
"""The method's name under which random search stands on the leaderboard."""


def with_differences(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with their difference from random search, where there is one."""
    pairs = [(row, rival(row, rows)) for row in rows]
    return [
        replace(row, versus_random=difference(row, other)) if other else row
        for row, other in pairs
    ]


def rival(row: Row, rows: Sequence[Row]) -> Row | None:
    """Return the random-search row to hold ``row`` against, or ``None`` if there is none.

    A rival of the same kind on the same space comes first, then one of the same kind, then one
    of the other kind; among those one retrained the same way, then the one whose search cost is
    nearest.
    """
    if row.method == RANDOM:
        return None
    candidates = [one for one in rows if one.method == RANDOM and one.task == row.task]
    return min(
        candidates,
        key=lambda one: (
            one.kind != row.kind,
            one.space != row.space,
            one.retrain_config != row.retrain_config,
            abs(_log_cost(one) - _log_cost(row)),
        ),
        default=None,
    )


def notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return in words how one task's rows compare with random, and what to know about it."""
    found = _missing(task, rows)
    for row in rows:
        other = rival(row, rows)
        if other is not None and row.versus_random is not None:
            said = (sentence(row, other, row.versus_random), *_strange(row, other))
            found += [f"task {task}: {note}" for note in (*said, *caveats(row, other))]
    return found


def _missing(task: str, rows: Sequence[Row]) -> list[str]:
    """Return how to make the random rows that are not there, one line per kind."""
    found = []
    for kind in sorted({row.kind for row in rows} - {"plain"}, reverse=True):
        of_kind = [row for row in rows if row.kind == kind]
        if any(row.method == RANDOM for row in of_kind):
            continue
        what, command = ("random-search", f"nasbench search random --task {task}")
        if kind == "hpo":
            what = "random HPO"
            command = f"nasbench hpo {of_kind[0].space} --task {task} --tuner random"
        found.append(f"no {what} row for task {task}: run `{command}` and retrain its checkpoint")
    return found


def _strange(row: Row, other: Row) -> list[str]:
    """Return a line where random searched elsewhere than the row did."""
    if row.kind == other.kind and row.space == other.space:
        return []
    lacking = RANDOM if row.kind == "nas" else f"HPO {RANDOM}"
    return [
        f"{row.name} on {row.space} is held against {other.name} on {other.space}: "
        f"no {lacking} row on {row.space}"
    ]


def _log_cost(row: Row) -> float:
    return math.log(max(row.search_seconds, 1e-3))
