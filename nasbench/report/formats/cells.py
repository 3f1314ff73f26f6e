"""The leaderboard's cells as text: shared by the formats that people read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nasbench.errors import unknown
from nasbench.measures import METRICS, Measure
from nasbench.report import anytime
from nasbench.report.leaderboard import Leaderboard, Row
from nasbench.report.quantities import count, counted, duration
from nasbench.report.verdict import MARK

PLUS_MINUS = " \N{PLUS-MINUS SIGN} "
"""Stands between a mean and half the width of its interval."""

ALL = "all"
"""Names every column, where columns are chosen."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: what it holds, whatever the metric: how ``--columns`` calls it.
        heading: its heading.
        text: how a row fills it.
        fields: the columns of a CSV file that hold the same.
        numeric: whether it holds numbers.
        sort: what a row is sorted by, ``None`` for the text.
        less_is_better: whether a sort for the best begins with the smallest.
    """

    name: str
    heading: str
    text: Callable[[Row], str]
    fields: tuple[str, ...]
    numeric: bool = True
    sort: Callable[[Row], Any] | None = None
    less_is_better: bool = False


@dataclass(frozen=True)
class View:
    """What is shown of a leaderboard beside its tables and their words.

    Attributes:
        columns: names of the columns, in their order; by default the format's own choice.
        notes: whether to show the notes.
        unfinished: whether to list the runs without a result.
        anytime: whether to show the results during the search.
    """

    columns: tuple[str, ...] = ()
    notes: bool = False
    unfinished: bool = False
    anytime: bool = False


PLAIN = View()
"""The tables with their words, and what is left out."""

EVERYTHING = View(notes=True, unfinished=True, anytime=True)
"""All there is, in the format's own columns."""


@dataclass(frozen=True)
class Listing:
    """A smaller table beside the rows, every cell as text.

    Attributes:
        title: its heading.
        headings: one per column.
        numeric: whether each column holds numbers.
        lines: one tuple of cells per line.
    """

    title: str
    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    lines: tuple[tuple[str, ...], ...]


def interval(row: Row) -> str:
    """Return the 95 % interval in the metric's unit, or ``"single run"``."""
    if row.interval is None:
        return "single run"
    return span(row.interval, row.measure)


def span(ends: tuple[float, float], measure: Measure) -> str:
    """Return an interval of shown values: both ends with a dash between them."""
    low, high = map(measure.digits, ends)
    return f"{low} \N{EN DASH} {high}"


def result(row: Row) -> str:
    """Return the mean test result with half its interval, marked if it says little.

    Marked are networks at chance level, and test sets that a run opened repeatedly.
    """
    text = with_half(row.measure.digits(row.mean), row.interval)
    if row.at_chance:
        how_many = "" if row.only_chance else f"{row.at_chance} of {row.runs} "
        text += f", {how_many}at chance"
    return f"{text} !" if row.reopened else text


def versus_random(row: Row) -> str:
    """Return the difference from random with half its interval, ``""`` if unknown."""
    found = row.versus_random
    if found is None:
        return ""
    text = with_half(found.measure.signed(found.points), found.interval)
    return f"{text} {MARK}" if found.shown else text


def with_half(number: str, ends: tuple[float, float] | None) -> str:
    """Return a number with half the width of its interval, to as many decimals.

    Args:
        number: as text.
        ends: of the interval, ``None`` if there is none.
    """
    if ends is None:
        return number
    half = (ends[1] - ends[0]) / 2
    if "e" in number:
        return f"{number}{PLUS_MINUS}{half:.1e}"
    return f"{number}{PLUS_MINUS}{half:.{len(number.partition('.')[2])}f}"


def search_cost(row: Row) -> str:
    """Return one search's device time, ``"none"`` for a baseline."""
    return duration(row.search_seconds) if row.searched else "none"


def openings(row: Row) -> str:
    """Return how often the test set was opened, marked if one run did so repeatedly."""
    return f"{row.test_openings}{' !' if row.reopened else ''}"


def columns(measure: Measure, names: Iterable[str] = ()) -> tuple[Column, ...]:
    """Return the columns of a table of this metric.

    Args:
        measure: the metric.
        names: of the columns, in their order; by default :data:`WIDE`.
    """
    less = not measure.larger_is_better
    unit = ", %" if measure.is_share else ""
    every = (
        Column("rank", "#", lambda row: str(row.rank), ("rank",), sort=lambda row: row.rank),
        Column("method", "method", lambda row: row.label, _METHOD, numeric=False),
        Column("kind", "kind", lambda row: row.kind, ("kind",), numeric=False),
        Column("space", "space", lambda row: row.space, ("space",), numeric=False),
        Column(
            "result",
            f"{measure.words}{unit}",
            result,
            ("metric", "unit", "mean", "chance", "at_chance"),
            sort=lambda row: row.mean,
            less_is_better=less,
        ),
        Column(
            "interval",
            "95 % interval",
            interval,
            ("interval_low", "interval_high"),
            sort=lambda row: row.interval and row.interval[0],
            less_is_better=less,
        ),
        Column(
            "random",
            "\N{GREEK CAPITAL LETTER DELTA} random",
            versus_random,
            _VERSUS,
            sort=lambda row: row.versus_random and row.versus_random.points,
            less_is_better=less,
        ),
        Column("seeds", "seeds", lambda row: row.seeds, ("search_seeds", "runs")),
        Column(
            "search",
            "search",
            search_cost,
            ("search_seconds",),
            sort=lambda row: row.search_seconds,
        ),
        Column(
            "evaluations",
            "evaluations",
            lambda row: count(row.search_evaluations),
            ("search_evaluations",),
            sort=lambda row: row.search_evaluations,
        ),
        Column(
            "params",
            "params",
            lambda row: count(row.params),
            ("params",),
            sort=lambda row: row.params,
        ),
        Column(
            "macs",
            "MACs",
            lambda row: counted(row.macs, row.uncounted),
            ("macs",),
            sort=lambda row: row.macs,
        ),
        Column(
            "latency",
            "latency",
            lambda row: f"{row.latency_ms:.2f} ms",
            ("latency_ms", "device"),
            sort=lambda row: row.latency_ms,
        ),
        Column(
            "retrain",
            "retraining",
            lambda row: duration(row.retrain_seconds),
            ("retrain_seconds",),
            sort=lambda row: row.retrain_seconds,
        ),
        Column(
            "openings",
            "test openings",
            openings,
            ("test_openings", "reopened"),
            sort=lambda row: row.test_openings,
        ),
    )
    by_name = {column.name: column for column in every}
    return tuple(by_name[name] for name in (names or WIDE))


_METHOD = ("kind", "method", "variant", "space", "published")
_VERSUS = (
    *("versus_random", "versus_random_low", "versus_random_high", "versus_random_paired"),
    "versus_random_shown",
)

CORE = ("rank", "method", "result", "random", "search", "params")
"""Columns that a terminal of 80 characters and a pipe show."""

PAPER = ("rank", "method", "result", "random", "seeds", "search", "params")
"""Columns of Markdown and LaTeX."""

WIDE = (
    *("rank", "method", "result", "interval", "random", "seeds", "search", "evaluations"),
    *("params", "macs", "latency", "retrain", "openings"),
)
"""Every column that says something new, in the order in which they are shown."""

NAMES = (*WIDE[:2], "kind", "space", *WIDE[2:])
"""Every column that can be chosen."""

_ALIASES = {
    **{name: "result" for table in METRICS.values() for name in table},
    **{"metric": "result", "delta": "random", "parameters": "params", "cost": "search"},
}


def chosen(names: str | Iterable[str], metrics: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the columns that a text such as ``rank,method,accuracy`` names.

    Args:
        names: of columns; a metric's name stands for the column of the results.
        metrics: names of the user's own metrics.

    Raises:
        UserError: one is unknown.
    """
    found: list[str] = []
    results = {name: "result" for name in metrics}
    for given in names.split(",") if isinstance(names, str) else names:
        name = given.strip()
        known = {**results, **_ALIASES}.get(name.replace(" ", "_"), name)
        if known == ALL:
            found += WIDE
        elif known in NAMES:
            found.append(known)
        else:
            raise unknown("column", name, (*NAMES, ALL))
    return tuple(dict.fromkeys(found))


_UNFINISHED = ("run", "verb", "method", "task", "status", "error")


def unfinished(board: Leaderboard) -> Listing | None:
    """Return the runs that gave no result, ``None`` if there are none."""
    lines = tuple(
        tuple(str(getattr(run, name)) for name in _UNFINISHED) for run in board.unfinished
    )
    if not lines:
        return None
    numeric = (False,) * len(_UNFINISHED)
    return Listing("Not finished (no results)", _UNFINISHED, numeric, lines)


def left_out(board: Leaderboard, view: View) -> list[str]:
    """Return what a view leaves out of a leaderboard, each with the option that shows it."""
    found = []
    if board.notes and board.rows and not view.notes:
        found.append(f"{_several(len(board.notes), 'note')} (--notes)")
    if board.unfinished and not view.unfinished:
        found.append(f"{_several(len(board.unfinished), 'unfinished run')} (--unfinished)")
    if not view.anytime and any(anytime.with_curves(table.rows) for table in board.tables):
        found.append("results during the search (--anytime)")
    return found


def _several(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def standings(rows: Sequence[Row]) -> Listing | None:
    """Return a table's rows during the search, or ``None`` if no record has a curve."""
    found = anytime.standings(rows)
    if not found:
        return None
    heading, digits = rows[0].measure.heading, rows[0].measure.digits
    times = [duration(time) for time in found[0][1].x]
    marks = [f"{share:.0%} ({time})" for share, time in zip(anytime.SHARES, times, strict=True)]
    lines = []
    for row, curve in found:
        cells = []
        for mean, low, high in zip(curve.mean, curve.low, curve.high, strict=True):
            if math.isnan(mean):
                cells.append("no result yet")
            else:
                cells.append(with_half(digits(mean), None if math.isnan(low) else (low, high)))
        lines.append((row.label, *cells))
    return Listing(
        f"Best validation {heading}, after a share of the smallest search cost, {times[-1]}",
        ("method", *(mark.replace("%", " %") for mark in marks)),
        (False, *(True for _ in marks)),
        tuple(lines),
    )
