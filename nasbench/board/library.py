"""The data that the page requests, by key: the same for the server and for static files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import nasbench
from nasbench.board import detail, drawings, importance, logs, notes, results
from nasbench.board.files import (
    MOST_JSON,
    Signature,
    inside,
    read_bytes,
    read_json,
    signature,
    text,
)
from nasbench.board.runs import Run, Runs, metric, row
from nasbench.report import anytime
from nasbench.report.formats.cells import Column, columns
from nasbench.report.leaderboard import Row, Table, build
from nasbench.store import studies
from nasbench.store.journal import finite
from nasbench.store.records import Record, folder, parse_record

PLACES = "places"
_PLACE = re.compile(r"place-([0-9]{1,6})")
_PAGE = re.compile(r"(run|log|record)-([0-9a-f]{12})")
_IMPORTANCE = re.compile(r"importance-([0-9a-f]{12})")
_TRIAL = re.compile(r"trial-([0-9a-f]{12})-([0-9]{1,15})")
_KEPT = 4  # runs whose page is kept in memory

PUBLISHED = "published with nasbench"

_OURS = "These results come with nasbench; yours are in the other places of this page."

MOST_TRIALS = 100
"""Trials of a run whose logs are exported."""

_CUT = "runs/{}: journal.jsonl is too large, and only its end is counted"


class Overview:
    """The leaderboard and the runs of one results folder, read again only after a change.

    Args:
        root: the folder.
        name: its name on the page.
        bound: the folder that no file may lead out of.
    """

    def __init__(self, root: Path, name: str, bound: Path) -> None:
        self.root = root
        self.name = name
        self.bound = bound
        self.note = _OURS if name.startswith(PUBLISHED) else ""
        self.runs = Runs(root, name, bound)
        self.records: dict[str, Record] = {}
        self._problems: list[str] = []
        self._signature: tuple[Signature, ...] | None = None
        self._tables: dict[str, Any] = {}
        self._rows: dict[str, Row] = {}  # by the name of a record's run
        self._keys: dict[str, str] = {}

    def content(self) -> dict[str, Any]:
        """Return all that the page shows of the folder, ready for JSON."""
        runs = self.runs.read()
        self.read_records()
        problems = [run.problem for run in runs if run.problem]
        shown = [run for run in runs if not run.problem]
        problems += [_CUT.format(text(run.path.name)) for run in shown if run.history.cut]
        path, note = self.root / studies.FILE, ""
        try:
            note = text(read_json(path, self.bound).get("note"))
        except ValueError as error:
            if signature(path):  # only a study's folder has the file
                problems.insert(0, str(error))
        records = self.records
        tested = {name: record.result for name, record in records.items()}
        return {
            "path": text(self.name),
            "note": note or self.note,
            "problems": [*problems, *self._problems],
            **self._tables,
            "runs": [row(run, tested.get(run.path.name)) for run in reversed(shown)],
        }

    def links(self, run: Run) -> dict[str, Any]:
        """Return the search that a run retrains, and the retrainings of what it found."""
        origin = run.origin(self.bound)
        retrained = self.runs.retrainings(run.path.name)
        tested = [self.records.get(one.path.name) for one in retrained]
        return {
            "search": self.runs.link(origin) if origin else None,
            "retrainings": [
                {
                    **row(one, None if record is None else record.result),
                    "arch_id": None if record is None else record.arch_id,
                }
                for one, record in zip(retrained, tested, strict=True)
            ],
            "has_record": run.path.name in self.records,
        }

    def record(self, key: str) -> Record | None:
        """Return the record with this key."""
        self.read_records()
        name = self._keys.get(key)
        return None if name is None else self.records[name]

    def record_page(self, key: str) -> dict[str, Any] | None:
        """Return the page of the record with this key, ``None`` if there is none."""
        record = self.record(key)
        if record is None:
            return None
        self.runs.read()
        return results.content(record, self._rows[record.run], self.records, self.runs.link)

    def record_paths(self) -> list[Path]:
        """Return the files of records, sorted by name."""
        place = folder(self.root)
        return sorted(place.glob("*.json")) if inside(place, self.bound) else []

    def read_records(self) -> None:
        """Read the records and build the leaderboard, if a record has changed."""
        paths = self.record_paths()
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
        self._rows = {name: row for row in board.rows for name in row.run_names}
        self._keys = {self.runs.key_of(name): name for name in self._rows}
        tasks = [_table(table, self.runs.key_of) for table in board.tables]
        self._tables = {"tasks": tasks, "notes": list(map(text, board.notes))}


def _table(table: Table, key_of: Callable[[str], str]) -> dict[str, Any]:
    """Return the table of one task and one metric."""
    rows = table.rows
    curves: dict[int, dict[str, list[float | None]]] = {}
    for raced, curve in zip(anytime.with_curves(rows), anytime.mean_curves(rows), strict=True):
        kept = [place for place, mean in enumerate(curve.mean) if math.isfinite(mean)]
        ends = {name: getattr(curve, name)[kept].tolist() for name in ("x", "mean", "low", "high")}
        curves[id(raced)] = finite(ends)
    shown = [one for one in columns(table.measure) if one.name != "rank"]
    return {
        "task": text(table.task),
        "title": text(table.title),
        "verdict": list(map(text, table.words)),
        "metric": metric(table.measure),
        "columns": [
            {
                "name": one.name,
                "heading": text(one.heading),
                "numeric": one.numeric,
                "less": one.less_is_better,
            }
            for one in shown
        ],
        "rows": [
            {**_row(one, shown), "curve": curves.get(id(one)), "key": key_of(one.run_names[0])}
            for one in rows
        ],
    }


def _row(one: Row, shown: Sequence[Column]) -> dict[str, Any]:
    return {
        "cells": [text(column.text(one)) for column in shown],
        "sort": [
            text(column.text(one)) if column.sort is None else finite(column.sort(one))
            for column in shown
        ],
        "kind": one.kind,
        "rank": one.rank,
        "method": text(one.method),
        "name": text(one.label),
        "mean": one.mean,
        "interval": one.interval,
        "results": [value for group in one.results for value in group],
        "seconds": one.search_seconds + one.retrain_seconds,
        "params": one.params,
        "macs": one.macs,
        "latency_ms": one.latency_ms,
    }


class Library:
    """A results folder and the studies in it.

    Args:
        root: the results folder.
        published: the folder of the results that come with nasbench, to be shown beside it.
    """

    def __init__(self, root: Path, published: Path | None = None) -> None:
        self.root = root
        self.published = published
        self._overviews: dict[Path, Overview] = {}
        self._made = datetime.now(UTC).isoformat(timespec="seconds")
        self._pages: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._lock = Lock()  # the server answers from several threads
        self._weighed: dict[str, tuple[int, dict[str, Any]]] = {}
        self._weighing = Lock()  # a forest takes seconds, during which the page goes on

    def data(self, key: str) -> dict[str, Any] | None:
        """Return the data of a key, ready for JSON.

        Args:
            key: ``places``, ``place-ID``, ``run-KEY``, ``log-KEY``, ``record-KEY``,
                ``importance-KEY``, or ``trial-KEY-NUMBER``.

        Returns:
            the data, or ``None`` if the key is unknown.
        """
        if match := _IMPORTANCE.fullmatch(key):
            return self._importance(match[1])
        with self._lock:
            if key == PLACES:
                return self._places()
            if match := _PLACE.fullmatch(key):
                overviews, number = self._read(), int(match[1])
                return overviews[number].content() if number < len(overviews) else None
            if match := _PAGE.fullmatch(key):
                kind, of = match.groups()
                return self._record(of) if kind == "record" else self._run(of, kind)
            if (match := _TRIAL.fullmatch(key)) and (found := self._find(match[1])):
                return logs.of_trial(found[1], found[0].bound, int(match[2]))
            return None

    def _importance(self, key: str) -> dict[str, Any] | None:
        """Return the importance of a run's parameters, computed anew after more trials."""
        with self._lock:
            trials = (self._run(key, "run") or {}).get("trials")
        if trials is None:
            return None
        with self._weighing:
            count = len(trials["score"])
            if key not in self._weighed or self._weighed[key][0] != count:
                self._weighed[key] = count, importance.of_trials(trials)
            return self._weighed[key][1]

    def annotate(self, key: str, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """Keep tags and a note with a run and return them, ``None`` if there is no such run.

        Raises:
            UserError: they are too long or no texts, or cannot be written.
        """
        with self._lock:
            found = self._find(key)
            return None if found is None else notes.write(found[1].path, found[0].bound, given)

    def drawing(self, name: str) -> bytes | None:
        """Return a drawing as SVG, ``None`` if there is none of that name."""
        key = name.partition("-")[0]
        with self._lock:
            if name.endswith("-record-found"):
                record = next((r for each in self._read() if (r := each.record(key))), None)
                if record is None:
                    return None
                return drawings.of_record(record.space, record.arch)
            found = self._find(key)
        return None if found is None else drawings.draw(found[1], found[0].bound, name)

    def known(self) -> Iterator[str]:
        """Yield every key that :meth:`data` knows now."""
        yield PLACES
        for number, overview in enumerate(self._read()):
            yield f"place-{number}"
            for run in overview.runs.read():
                if not run.problem:
                    yield f"run-{run.key}"
                    yield f"log-{run.key}"
                    if run.history.scores:
                        yield f"importance-{run.key}"
                    yield from (f"trial-{run.key}-{place}" for place in self._trials_of(run))
            overview.read_records()
            yield from (f"record-{overview.runs.key_of(name)}" for name in overview.records)

    def _trials_of(self, run: Run) -> list[int]:
        """Return the trials whose logs are exported: the failed ones and the best."""
        scores = run.history.scores
        sign = -1 if run.larger_is_better else 1
        order = sorted(scores, key=lambda n: -math.inf if (s := scores[n]) is None else sign * s)
        return order[:MOST_TRIALS]

    def _read(self) -> list[Overview]:
        """Return the places; a place keeps its number once it was seen."""
        for root in filter(None, (self.root, self.published)):
            folder = root / "studies"
            found = sorted(folder.iterdir()) if folder.is_dir() else []
            inner = [path for path in found if path.is_dir() and inside(path, root)]
            first = PUBLISHED if root == self.published else root.resolve().name
            for path in (root, *inner):
                if path not in self._overviews:
                    below = path.relative_to(root).as_posix()
                    name = first + ("" if below == "." else f"/{below}")
                    self._overviews[path] = Overview(path, name, root)
        return list(self._overviews.values())

    def _places(self) -> dict[str, Any]:
        places = [
            {
                "id": number,
                "path": overview.name,
                "runs": len(overview.runs.paths()),
                "records": len(overview.record_paths()),
            }
            for number, overview in enumerate(self._read())
        ]
        return {"version": nasbench.__version__, "made": self._made, "places": places}

    def _run(self, key: str, kind: str) -> dict[str, Any] | None:
        """Return the page or the log of a run; a page is kept until one of its files changes."""
        found = self._find(key)
        if found is None:
            return None
        overview, run = found
        if kind == "log":
            return logs.of_run(run, overview.bound)
        overview.read_records()
        record = overview.records.get(run.path.name)
        folds = overview.root / "folds" / f"{run.path.name}.json"
        files = map(signature, (run.path / "checkpoint.json", folds))
        links = overview.links(run)
        now = (run.signatures, run.status, *files, record, links)
        if key not in self._pages or self._pages[key][0] != now:
            self._pages.pop(key, None)
            page = detail.content(run, overview.root, overview.bound, record)
            self._pages[key] = (now, {**page, **links})
        while len(self._pages) > _KEPT:
            del self._pages[next(iter(self._pages))]
        return self._pages[key][1]

    def _record(self, key: str) -> dict[str, Any] | None:
        """Return the page of a record, whether or not its run is there."""
        for overview in self._read():
            if (found := overview.record_page(key)) is not None:
                return found
        return None

    def _find(self, key: str) -> tuple[Overview, Run] | None:
        """Return a run; the folders are listed again only if the key is not known yet."""
        for fresh in (False, True):
            for overview in self._read():
                if fresh:
                    overview.runs.read()
                if run := overview.runs.find(key):
                    return overview, run
        return None
