"""The leaderboard's cells as text: shared by the formats that people read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nasbench.report import anytime
from nasbench.report.leaderboard import Leaderboard, Row
from nasbench.report.quantities import count, counted, duration, signed


@dataclass(frozen=True)
class Column:
    """A column: its heading, how a row fills it, and whether it holds numbers."""

    heading: str
    text: Callable[[Row], str]
    numeric: bool = True


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
    """Return the 95 % interval in percent, or ``"single run"``."""
    if row.interval is None:
        return "single run"
    return "{:.2f} \N{EN DASH} {:.2f}".format(*row.interval)


def accuracy(row: Row) -> str:
    """Return the mean test accuracy in percent, marked if networks are at chance level."""
    if not row.at_chance:
        return f"{row.mean:.2f}"
    how_many = "" if row.only_chance else f"{row.at_chance} of {row.runs} "
    return f"{row.mean:.2f}, {how_many}at chance level"


def versus_random(row: Row) -> str:
    """Return the difference from random in points with its interval, ``""`` if unknown."""
    found = row.versus_random
    if found is None:
        return ""
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


COLUMNS = (
    Column("method", lambda row: row.name, numeric=False),
    Column("space", lambda row: row.space, numeric=False),
    Column("search cost", search_cost),
    Column("seeds, search \N{MULTIPLICATION SIGN} retrain", lambda row: row.seeds),
    Column("test accuracy, %", accuracy),
    Column("95 % interval", interval),
    Column("vs random, points", versus_random),
    Column("evaluations", lambda row: count(row.search_evaluations)),
    Column("parameters", lambda row: count(row.params)),
    Column("MACs", lambda row: counted(row.macs, row.uncounted)),
    Column("latency", lambda row: f"{row.latency_ms:.2f} ms"),
    Column("retrain cost", lambda row: duration(row.retrain_seconds)),
    Column("test openings", openings),
)
"""Every column, in the order in which it is shown."""

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
    """Return one task's rows during the search, or ``None`` if no record has a curve."""
    found = anytime.standings(rows)
    if not found:
        return None
    times = [duration(time) for time in found[0][1].x]
    marks = [f"{share:.0%} ({time})" for share, time in zip(anytime.SHARES, times, strict=True)]
    lines = []
    for row, curve in found:
        cells = []
        for mean, low, high in zip(curve.mean, curve.low, curve.high, strict=True):
            if math.isnan(mean):
                cells.append("no result yet")
            elif math.isnan(low):
                cells.append(f"{mean:.2f}, single run")
            else:
                cells.append(f"{mean:.2f} [{low:.2f}, {high:.2f}]")
        lines.append((row.name, row.space, *cells))
    return Listing(
        f"Best validation accuracy, %, after a share of the smallest search cost, {times[-1]}",
        ("method", "space", *(mark.replace("%", " %") for mark in marks)),
        (False, False, *(True for _ in marks)),
        tuple(lines),
    )
