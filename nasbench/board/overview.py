"""What is known of a whole results folder: its leaderboard and its list of runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nasbench.board.files import (
    MOST_JSON,
    Signature,
    inside,
    read_bytes,
    read_json,
    signature,
    text,
)
from nasbench.board.runs import Runs, Seen, row
from nasbench.report import anytime
from nasbench.report.formats.cells import COLUMNS
from nasbench.report.leaderboard import Leaderboard, Row, build
from nasbench.store import studies
from nasbench.store.journal import finite
from nasbench.store.records import Record, folder, parse_record

_SORT: dict[str, Callable[[Row], Any]] = {
    "search cost": lambda row: row.search_seconds,
    "test accuracy, %": lambda row: row.mean,
    "95 % interval": lambda row: None if row.interval is None else row.interval[0],
    "vs random, points": lambda row: row.versus_random and row.versus_random.points,
    "evaluations": lambda row: row.search_evaluations,
    "parameters": lambda row: row.params,
    "MACs": lambda row: row.macs,
    "latency": lambda row: row.latency_ms,
    "retrain cost": lambda row: row.retrain_seconds,
    "test openings": lambda row: row.test_openings,
}
"""By what a column is sorted where its text would not do."""

_CUT = "runs/{}: journal.jsonl is too large, and only its end is counted"


class Overview:
    """One results folder, read anew only where it has changed.

    Args:
        root: the folder.
        name: what it is called on the page.
        bound: the folder that no file may lead out of.
    """

    def __init__(self, root: Path, name: str, bound: Path) -> None:
        self.root = root
        self.name = name
        self.bound = bound
        self.runs = Runs(root, name, bound)
        self.records: dict[str, Record] = {}
        self._problems: list[str] = []
        self._signature: tuple[Signature, ...] | None = None
        self._board: dict[str, Any] = {}

    def content(self) -> dict[str, Any]:
        """Return all that the page shows of the folder, ready for JSON."""
        seen = self.runs.look()
        self.read_records()
        shown = [run for run in seen if not run.problem]
        note, problems = self._note()
        problems += [run.problem for run in seen if run.problem]
        problems += [_CUT.format(text(run.path.name)) for run in shown if run.course.cut]
        return {
            "path": text(self.name),
            "note": note,
            "problems": [*problems, *self._problems],
            **self._board,
            "runs": [row(run, self.tested(run)) for run in reversed(shown)],
        }

    def count(self) -> int:
        """Return how many files of records there are."""
        return len(self._paths())

    def tested(self, run: Seen) -> float | None:
        """Return the accuracy of a run's record, where it has one."""
        record = self.records.get(run.path.name)
        return None if record is None else record.test_accuracy

    def read_records(self) -> None:
        """Read the records and compare them, if one of them has changed."""
        paths = self._paths()
        now = tuple(signature(path) for path in paths)
        if now == self._signature:
            return
        self._signature, self.records, self._problems = now, {}, []
        for path in paths:
            try:
                record = parse_record(read_bytes(path, self.bound, MOST_JSON))
                self.records[record.run] = record
            except ValueError as error:
                self._problems.append(f"records/{text(path.name)} left out: {error}")
        board = build(list(self.records.values()), [], None)
        tasks = [_task(board, task) for task in board.tasks]
        self._board = {"tasks": tasks, "notes": list(map(text, board.notes))}

    def _note(self) -> tuple[str, list[str]]:
        """Return what a reader of a study's results must know, and why that cannot be told."""
        path = self.root / studies.FILE
        try:
            return text(read_json(path, self.bound).get("note")), []
        except ValueError as error:
            return "", [str(error)] if signature(path) else []

    def _paths(self) -> list[Path]:
        place = folder(self.root)
        return sorted(place.glob("*.json")) if inside(place, self.bound) else []


def _task(board: Leaderboard, task: str) -> dict[str, Any]:
    """Return one task's table."""
    rows = board.of(task)
    raced = anytime.with_curves(rows)
    curves = dict(zip(map(id, raced), anytime.mean_curves(rows), strict=True))
    return {
        "task": text(task),
        "columns": [{"heading": one.heading, "numeric": one.numeric} for one in COLUMNS],
        "rows": [{**_row(one), "curve": _curve(curves.get(id(one)))} for one in rows],
    }


def _row(one: Row) -> dict[str, Any]:
    return {
        "cells": [text(column.text(one)) for column in COLUMNS],
        "sort": [
            finite(_SORT[column.heading](one))
            if column.heading in _SORT
            else text(column.text(one))
            for column in COLUMNS
        ],
        "kind": one.kind,
        "method": text(one.method),
        "name": text(one.name),
        "mean": one.mean,
        "interval": one.interval,
        "accuracies": [value for group in one.accuracies for value in group],
        "seconds": one.search_seconds + one.retrain_seconds,
    }


def _curve(curve: Any) -> dict[str, list[float | None]] | None:
    """Return the points at which a curve has a value."""
    if curve is None:
        return None
    kept = [place for place, mean in enumerate(curve.mean) if math.isfinite(mean)]
    found = {name: getattr(curve, name)[kept].tolist() for name in ("x", "mean", "low", "high")}
    ends: dict[str, list[float | None]] = finite(found)
    return ends
