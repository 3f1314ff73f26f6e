"""Anytime curves: the best validation result so far against the cost of the search."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasbench.measures import Measure
from nasbench.report.plots import Curve, draw_curves, render_curves
from nasbench.report.rows import Points, Row
from nasbench.report.statistics import bootstrap_band

if TYPE_CHECKING:
    from nasbench.report.leaderboard import Leaderboard, Table


SHARES = (0.25, 0.5, 1.0)
"""Shares of the smallest budget at which :func:`standings` compares the rows."""

_STEPS = 200  # points of the common grid: finer than a picture's pixels need


def with_curves(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with at least one search seed whose curve has a cost above zero."""
    return [row for row in rows if _curves(row)]


def mean_curves(rows: Sequence[Row]) -> list[Curve]:
    """Return each row's mean curve in its metric's unit, all on one grid of device-seconds.

    The grid is logarithmic. A row's curve begins where all its search seeds have a first result
    and ends with its longest search; the band is the 95 % bootstrap interval over search seeds.

    Args:
        rows: of one task and one metric; those without a curve are left out.
    """
    raced = with_curves(rows)
    if not raced:
        return []
    times = [time for row in raced for curve in _curves(row) for time, _ in curve if time > 0]
    grid = np.unique(np.geomspace(min(times), max(times), _STEPS))
    names = Counter(row.name for row in raced)
    return [_on(grid, row, row.name if names[row.name] == 1 else row.title) for row in raced]


def smallest_budget(rows: Sequence[Row]) -> float:
    """Return the device-seconds that every search of every row with a curve has spent.

    Raises:
        ValueError: no row has a curve.
    """
    return min(curve[-1][0] for row in with_curves(rows) for curve in _curves(row))


def standings(rows: Sequence[Row]) -> list[tuple[Row, Curve]]:
    """Return the rows with a curve at :data:`SHARES` of the smallest budget.

    Each comes with a curve of as many points as there are shares; NaN where a search seed has
    no result yet.
    """
    raced = with_curves(rows)
    if not raced:
        return []
    times = smallest_budget(raced) * np.array(SHARES)
    return [(row, _on(times, row, row.name)) for row in raced]


def anytime_notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return the caveats of one task's anytime curves, none if it has no curve."""
    if not with_curves(rows):
        return []
    found = [
        f"task {task}: a best validation {rows[0].measure.words} is the best of many on the same "
        f"examples and therefore optimistic; the test {rows[0].measure.words} is the result"
    ]
    lacking: dict[str, list[str]] = {}
    for row in rows:
        known, seeds = len(_curves(row)), len(row.curves)
        if known < seeds:
            which = f"{seeds - known} of {seeds} search seeds of " if known else ""
            lacking.setdefault(which, []).append(row.title)
    found += [
        f"task {task}: no record has a curve of {which}{', '.join(titles)}"
        for which, titles in lacking.items()
    ]
    return found


def _curves(row: Row) -> list[Points]:
    """Return the search seeds' curves with a cost above zero."""
    return [curve for curve in row.curves if curve and curve[-1][0] > 0]


def _on(times: NDArray[np.float64], row: Row, name: str) -> Curve:
    """Return the row's mean curve in its metric's unit at these device-seconds."""
    found, measure = _curves(row), row.measure
    best = np.maximum if measure.larger_is_better else np.minimum
    heights = []
    for curve in found:
        spent, results = np.array(curve).T
        steps = np.concatenate(([np.nan], best.accumulate(results)))  # NaN: no result yet
        heights.append(steps[np.searchsorted(spent, times, side="right")])
    values = measure.scale * np.array(heights)
    values[:, times > max(curve[-1][0] for curve in found)] = np.nan
    low, high = bootstrap_band(values)
    return Curve(name, times, values.mean(axis=0), low, high)


_XLABEL = "device-seconds of the search"
_TITLE = "{}: mean over search seeds, 95 % interval"


def _ylabel(measure: Measure) -> str:
    return f"best validation {measure.words} so far{', %' if measure.is_share else ''}"


def write_pictures(board: Leaderboard, folder: Path, suffix: str = "") -> list[Path]:
    """Write ``anytime-<task>.svg`` for each table that has curves and return the paths.

    Args:
        board: the leaderboard.
        folder: where the pictures go.
        suffix: follows the task's name in the title, such as the scale of a study.

    Raises:
        UserError: matplotlib is missing, or a file cannot be written.
    """
    paths = []
    for one in board.tables:
        if curves := mean_curves(one.rows):
            path = folder / f"anytime-{re.sub(r'[^A-Za-z0-9_.-]+', '_', one.title)}.svg"
            title, label = _TITLE.format(f"{one.title}{suffix}"), _ylabel(one.measure)
            paths.append(draw_curves(curves, path, xlabel=_XLABEL, ylabel=label, title=title))
    return paths


def inline_svg(table: Table, prefix: str) -> str:
    """Return a table's curves as an ``<svg>`` element for an HTML page.

    Args:
        table: the rows; at least one has a curve.
        prefix: goes before the element's ids, which must be unique in the page.

    Raises:
        UserError: matplotlib is missing.
    """
    curves, title = mean_curves(table.rows), _TITLE.format(table.title)
    label = _ylabel(table.measure)
    drawn = render_curves(curves, "svg", xlabel=_XLABEL, ylabel=label, title=title).decode()
    element = drawn[drawn.index("<svg") + len("<svg") :].rstrip()
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element)  # implied in HTML
    element = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}-", element)
    return f'<svg role="img" aria-label="{escape(title)}"{element}'
