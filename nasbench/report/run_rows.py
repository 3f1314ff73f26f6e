"""What a list of runs says of each: state, age, task, method, result and size on the disk."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nasbench import measures
from nasbench.errors import UserError
from nasbench.report.layout import Field, aligned
from nasbench.store.journal import number, table
from nasbench.store.records import folder as records_of
from nasbench.store.records import read_record
from nasbench.store.runs import RunFolder, every_run

COLUMNS = (
    Field("run"),
    Field("state"),
    Field("age", numeric=True, rank=1),
    Field("task", least=8, rank=2),
    Field("method", least=12),
    Field("seed", numeric=True, rank=4),
    Field("result", least=11),
    Field("size", numeric=True, rank=3),
)
_FEWEST = 4  # characters of the end of a name


@dataclass(frozen=True)
class RunRow:
    """One run.

    Attributes:
        name: of the folder.
        folder: the path.
        state: ``running``, ``done``, ``stopped`` or ``failed``.
        seconds: since it began.
        task: the task's name.
        verb: ``search``, ``hpo`` or ``retrain``.
        method: the command and the method.
        seed: of the run.
        metric: the leading metric.
        result: its value on the validation data, or on the test set after a retraining.
        on: ``val``, ``test`` or ``folds``; ``""`` without a result.
        size: on the disk, in bytes.
    """

    name: str
    folder: str
    state: str
    seconds: float
    task: str
    verb: str
    method: str
    seed: int | None
    metric: str
    result: float | None
    on: str
    size: int

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def rows(results: Path, task: str | None = None, states: Collection[str] = ()) -> list[RunRow]:
    """Return the runs of a results folder and of its studies, the newest first.

    Args:
        results: the results folder.
        task: of the runs; ``None`` for any.
        states: of the runs; empty for any.
    """
    found = []
    for path in reversed(every_run(results)):
        try:
            run = RunFolder(path)
        except UserError:
            continue
        if task in (None, run.info.get("task")) and (not states or run.status in states):
            found.append(row(run))
    return found


def row(run: RunFolder) -> RunRow:
    """Return what is said of one run."""
    info, config = run.info, table(run.info.get("config"))
    verb, name = str(info.get("verb")), str(info.get("name"))
    if verb == "hpo" and config.get("model"):
        name = f"{_network(str(config['model']))}@{name}"
    metric, result, on = _result(run, verb)
    seed = info.get("seed")
    return RunRow(
        name=run.name,
        folder=str(run.path),
        state=run.status,
        seconds=max(0.0, time.time() - began(run.path)),
        task=str(info.get("task")),
        verb=verb,
        method=f"{verb} {name}",
        seed=seed if type(seed) is int else None,
        metric=metric,
        result=result,
        on=on,
        size=size(run.path),
    )


def _network(model: str) -> str:
    """Return a network's name, or the run whose checkpoint is tuned."""
    path = Path(model)
    return path.parent.name if path.name == "checkpoint.json" else path.name


def _result(run: RunFolder, verb: str) -> tuple[str, float | None, str]:
    """Return the leading metric of a run, its value, and on what it was measured."""
    info = run.info
    if verb == "retrain" and run.status == "done":
        try:
            record = read_record(records_of(run.path.parent.parent) / f"{run.name}.json")
            return record.measure.name, record.result, "test"
        except ValueError:
            pass
    measure = measures.of_run(info)
    if "optimize_mode" in info:  # an experiment of NNI, whose trials report what they like
        value = number({**info, **table(info.get("metrics"))}.get("score"))
        return "score", value, "" if value is None else "val"
    value = run.validated(measure.name)
    if value is None:
        return measure.name, None, ""
    return measure.name, value, "folds" if verb == "retrain" else "val"


def began(path: Path) -> float:
    """Return when a run began, in seconds since 1970: its name says it, else its ``run.json``."""
    try:
        return datetime.strptime(path.name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return (path / "run.json").stat().st_mtime


def size(path: Path) -> int:
    """Return the bytes of the files in a folder; what a link leads to is not counted."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                total += (Path(folder) / name).lstat().st_size
            except OSError:  # removed since
                continue
    return total


def text(found: Sequence[RunRow], every: Sequence[str], width: int | None) -> list[str]:
    """Return the runs as aligned lines with a heading.

    Args:
        found: the runs.
        every: the names of all runs, among which the shown ends are unique.
        width: of the terminal; ``None`` for a pipe, which gets whole names.
    """
    names = {name: name for name in every} if width is None else short(every)
    return aligned(COLUMNS, [cells(one, names.get(one.name, one.name)) for one in found], width)


def cells(one: RunRow, name: str) -> tuple[str, ...]:
    """Return a run's cells, with ``name`` in the first."""
    shown = ""
    if one.result is not None:
        measure = measures.named(one.metric)
        shown = f"{measure.text(one.result)} {one.on} {measure.words}"
    return (
        name,
        one.state,
        age(one.seconds),
        one.task,
        one.method,
        "" if one.seed is None else str(one.seed),
        shown,
        disk(one.size),
    )


def short(names: Sequence[str]) -> dict[str, str]:
    """Return the shortest end of each name, from a dash on, that names no other run.

    Digits alone are no such end: they may be the number of an architecture.
    """
    ends = {name: _ends(name) for name in names}
    counts = Counter(end for every in ends.values() for end in every)
    return {
        name: next(
            (
                end
                for end in every
                if counts[end] == 1 and len(end) >= _FEWEST and not end.isdigit()
            ),
            name,
        )
        for name, every in ends.items()
    }


def _ends(name: str) -> list[str]:
    parts = name.split("-")
    return ["-".join(parts[-count:]) for count in range(1, len(parts) + 1)]


def age(seconds: float) -> str:
    """Return ``"40 s"``, ``"12 min"``, ``"5 h"`` or ``"3 d"``."""
    for unit, length, most in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if seconds < most * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def disk(size: float) -> str:
    """Return a size as ``"12 kB"``, ``"3.4 MB"`` or ``"1.2 GB"``."""
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.5 or unit == "GB":
            return f"{size:.1f} {unit}" if size < 9.95 else f"{size:.0f} {unit}"
    raise AssertionError
