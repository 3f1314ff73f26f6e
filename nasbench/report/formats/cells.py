"""The leaderboard's cells as text: shared by the formats that people read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nasbench.measures import Measure
from nasbench.report import anytime
from nasbench.report.leaderboard import Leaderboard, Row
from nasbench.report.quantities import count, counted, duration


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        heading: its heading.
        text: how a row fills it.
        numeric: whether it holds numbers.
        name: what it holds, whatever the metric; the heading by default.
        sort: what a row is sorted by, ``None`` for the text.
        less_is_better: whether a sort for the best begins with the smallest.
    """

    heading: str
    text: Callable[[Row], str]
    numeric: bool = True
    name: str = ""
    sort: Callable[[Row], Any] | None = None
    less_is_better: bool = False


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
    """Return the mean test result in its unit, marked if networks are at chance level."""
    mean = row.measure.digits(row.mean)
    if not row.at_chance:
        return mean
    how_many = "" if row.only_chance else f"{row.at_chance} of {row.runs} "
    return f"{mean}, {how_many}at chance level"


def versus_random(row: Row) -> str:
    """Return the difference from random with its interval, ``""`` if unknown."""
    found = row.versus_random
    if found is None:
        return ""
    signed = found.measure.signed
    if found.interval is None:
        return f"{signed(found.points)}, no interval"
    low, high = map(signed, found.interval)
    why = f" ({found.why_not})" if found.why_not else ""
    verdict = "" if found.shown else f", no difference shown{why}"
    return f"{signed(found.points)} [{low}, {high}]{verdict}"


def search_cost(row: Row) -> str:
    """Return one search's device time, ``"none"`` for a baseline."""
    return duration(row.search_seconds) if row.searched else "none"


def openings(row: Row) -> str:
    """Return how often the test set was opened, marked if one run did so repeatedly."""
    return f"{row.test_openings}{' !' if row.reopened else ''}"


def columns(measure: Measure) -> tuple[Column, ...]:
    """Return every column of a table of this metric, in the order in which it is shown."""
    less = not measure.larger_is_better
    return (
        Column("method", lambda row: row.name, numeric=False),
        Column("space", lambda row: row.space, numeric=False),
        Column("search cost", search_cost, sort=lambda row: row.search_seconds),
        Column("seeds, search \N{MULTIPLICATION SIGN} retrain", lambda row: row.seeds),
        Column(
            f"test {measure.heading}",
            result,
            name="result",
            sort=lambda row: row.mean,
            less_is_better=less,
        ),
        Column(
            "95 % interval",
            interval,
            sort=lambda row: row.interval and row.interval[0],
            less_is_better=less,
        ),
        Column(
            f"vs random, {measure.points}",
            versus_random,
            name="vs random",
            sort=lambda row: row.versus_random and row.versus_random.points,
            less_is_better=less,
        ),
        Column("evaluations", _evaluations, sort=lambda row: row.search_evaluations),
        Column("parameters", lambda row: count(row.params), sort=lambda row: row.params),
        Column("MACs", lambda row: counted(row.macs, row.uncounted), sort=lambda row: row.macs),
        Column("latency", lambda row: f"{row.latency_ms:.2f} ms", sort=lambda row: row.latency_ms),
        Column("retrain cost", _retrain_cost, sort=lambda row: row.retrain_seconds),
        Column("test openings", openings, sort=lambda row: row.test_openings),
    )


def _evaluations(row: Row) -> str:
    return count(row.search_evaluations)


def _retrain_cost(row: Row) -> str:
    return duration(row.retrain_seconds)


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
            elif math.isnan(low):
                cells.append(f"{digits(mean)}, single run")
            else:
                cells.append(f"{digits(mean)} [{digits(low)}, {digits(high)}]")
        lines.append((row.name, row.space, *cells))
    return Listing(
        f"Best validation {heading}, after a share of the smallest search cost, {times[-1]}",
        ("method", "space", *(mark.replace("%", " %") for mark in marks)),
        (False, False, *(True for _ in marks)),
        tuple(lines),
    )
