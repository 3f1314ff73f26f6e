"""The leaderboard's cells as text: shared by the formats that people read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nasbench.report.leaderboard import Row
from nasbench.report.quantities import count, duration, signed


@dataclass(frozen=True)
class Column:
    """A column: its heading, how a row fills it, and whether it holds numbers."""

    heading: str
    text: Callable[[Row], str]
    numeric: bool = True


def interval(row: Row) -> str:
    """Return the 95 % interval in percent, or ``"single run"``."""
    if row.interval is None:
        return "single run"
    return "{:.2f} \N{EN DASH} {:.2f}".format(*row.interval)


def versus_random(row: Row) -> str:
    """Return the difference from random in points with its interval; blank where unknown."""
    if row.versus_random is None:
        return ""
    points, low, high = (
        signed(value)
        for value in (row.versus_random.points, row.versus_random.low, row.versus_random.high)
    )
    verdict = "" if row.versus_random.shown else ", no difference shown"
    return f"{points} [{low}, {high}]{verdict}"


def search_cost(row: Row) -> str:
    """Return one search's device time and evaluations, ``"none"`` for a baseline."""
    if row.search_seconds <= 0 and row.search_evaluations <= 0:
        return "none"
    if row.search_evaluations <= 0:  # one-shot: nothing is trained alone
        return duration(row.search_seconds)
    return f"{duration(row.search_seconds)}, {count(row.search_evaluations)} evaluations"


def openings(row: Row) -> str:
    """Return how often the test set was opened, marked where one run did so repeatedly."""
    return f"{row.test_openings}{' !' if row.reopened else ''}"


COLUMNS = (
    Column("method", lambda row: row.name, numeric=False),
    Column("space", lambda row: row.space, numeric=False),
    Column("seeds (search \N{MULTIPLICATION SIGN} retrain)", lambda row: row.seeds),
    Column("test accuracy, %", lambda row: f"{row.mean:.2f}"),
    Column("95 % interval", interval),
    Column("vs random, points", versus_random),
    Column("parameters", lambda row: count(row.params)),
    Column("MACs", lambda row: count(row.macs)),
    Column("latency", lambda row: f"{row.latency_ms:.2f} ms"),
    Column("search cost", search_cost),
    Column("retrain cost", lambda row: duration(row.retrain_seconds)),
    Column("test openings", openings),
)
"""Every column, in the order in which it is shown."""

UNFINISHED = ("run", "verb", "method", "task", "status", "error")
"""Headings and attributes of the runs that gave no result."""
