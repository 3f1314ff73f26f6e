"""The best architecture search against the best tuning of one task."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench.report.differences import difference, sentence
from nasbench.report.fairness import caveats, equal_budget
from nasbench.report.rows import Row
from nasbench.report.versus_random import RANDOM


def contest(rows: Sequence[Row]) -> tuple[Row, Row] | None:
    """Return the NAS row and the HPO row to hold against each other, or ``None``.

    Random search, and what searched nothing, enter only where a kind has nothing else. A pair
    of equal budget comes first; then the better NAS row, then the better HPO row.

    Args:
        rows: of one task.
    """
    pairs = [(nas, hpo) for nas in _entrants(rows, "nas") for hpo in _entrants(rows, "hpo")]
    return max(
        pairs, key=lambda pair: (equal_budget(*pair), pair[0].mean, pair[1].mean), default=None
    )


def notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return in words how the two kinds compare on one task, and what to know about it."""
    pair = contest(rows)
    if pair is None:
        return []
    lines = [sentence(*pair, difference(*pair)), *caveats(*pair), *_selection(rows)]
    return [f"task {task}, NAS against HPO: {line}" for line in lines]


def _entrants(rows: Sequence[Row], kind: str) -> list[Row]:
    of_kind = [row for row in rows if row.kind == kind]
    return [row for row in of_kind if row.method != RANDOM and row.searched] or of_kind


def _selection(rows: Sequence[Row]) -> list[str]:
    nas, hpo = (len(_entrants(rows, kind)) for kind in ("nas", "hpo"))
    if max(nas, hpo) == 1:
        return []
    return [
        f"the best of {nas} NAS and the best of {hpo} HPO, chosen by test accuracy: that is a "
        "selection, too, and flatters the kind with more rows"
    ]
