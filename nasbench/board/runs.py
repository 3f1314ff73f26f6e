"""The run folders of one results folder, read anew only where they have changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench.board.course import Course
from nasbench.board.files import (
    Signature,
    inside,
    read_json,
    signature,
    text,
    whole,
)
from nasbench.budget import Budget
from nasbench.errors import UserError
from nasbench.store import older
from nasbench.store.journal import number, table
from nasbench.store.runs import FORMAT, LOCK, STATUSES, is_held


@dataclass
class Seen:
    """A run folder as it was at the last look.

    Attributes:
        path: the folder.
        key: names the run in addresses: twelve hexadecimal digits, whatever its folder is called.
        info: what ``run.json`` holds.
        status: see :attr:`nasbench.store.runs.RunFolder.status`.
        course: how far it has come.
        problem: why it cannot be shown, ``""`` where it can.
    """

    path: Path
    key: str
    info: dict[str, Any] = field(default_factory=dict)
    status: str = ""
    course: Course = field(default_factory=Course)
    problem: str = ""
    signatures: tuple[Signature, ...] = ()

    @property
    def config(self) -> dict[str, Any]:
        """The run's options."""
        return table(self.info.get("config"))


class Runs:
    """All runs under ``root/runs``.

    Args:
        root: a results folder.
        name: what sets it apart from others on the same page.
        bound: the folder that no file may lead out of.
    """

    def __init__(self, root: Path, name: str, bound: Path) -> None:
        self.root = root
        self.name = name
        self.bound = bound
        self._seen: dict[Path, Seen] = {}

    def paths(self) -> list[Path]:
        """Return the run folders in the order of their names."""
        folder = self.root / "runs"
        found = sorted(folder.glob("*/run.json")) if inside(folder, self.bound) else []
        return [path.parent for path in found]

    def look(self) -> list[Seen]:
        """Return the runs in the order of their names, those with a problem among them."""
        self._seen = {path: self._refreshed(path) for path in self.paths()}
        return list(self._seen.values())

    def find(self, key: str) -> Seen | None:
        """Return the readable run with this key, as it is now."""
        path = next((path for path, run in self._seen.items() if run.key == key), None)
        if path is None:
            return None
        run = self._refreshed(path)
        return None if run.problem else run

    def _refreshed(self, path: Path) -> Seen:
        run = self._seen.get(path) or Seen(path, _key(f"{self.name}/{path.name}"))
        now = signature(path / "run.json"), signature(path / "journal.jsonl")
        if now != run.signatures:
            run.signatures = now
            self._read(run)
        if not run.problem:
            run.status = self._status(run)
        return run

    def _read(self, run: Seen) -> None:
        run.problem = ""
        try:
            run.info = older.run_info(read_json(run.path / "run.json", self.bound))
            if run.info.get("format") != FORMAT:
                raise ValueError(f"run.json: not of the format {FORMAT}")
            journal = run.path / "journal.jsonl"
            run.course = run.course if run.course.fits(journal) else Course()
            run.course.update(journal, self.bound)
        except (ValueError, OSError) as error:
            run.problem = f"runs/{text(run.path.name)} left out: {error}"

    def _status(self, run: Seen) -> str:
        told = text(run.info.get("status"))
        if told != "running":
            return told if told in STATUSES else "stopped"
        lock = run.path / LOCK
        worked_in = inside(lock, self.bound) and lock.is_file() and is_held(lock)
        return "running" if worked_in else "stopped"


def _key(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:12]


def row(run: Seen, test: float | None) -> dict[str, Any]:
    """Return the run's line in the list of runs.

    Args:
        run: a readable one.
        test: its accuracy on the test set, where it has one.
    """
    info, course, config = run.info, run.course, run.config
    by_trials = _by_trials(run)
    epochs = None if by_trials else whole(config.get("epochs"))
    total = _trials(config) if by_trials else None
    left = course.seconds_left(epochs, total, whole(config.get("concurrency")) or 1)
    return {
        "key": run.key,
        "name": text(run.path.name),
        "verb": text(info.get("verb")),
        "method": text(info.get("name")),
        "task": text(info.get("task")),
        "space": text(config.get("space") or config.get("model")),
        "seed": whole(info.get("seed")),
        "status": run.status,
        "error": text(info.get("error")),
        "started": text(table(info.get("provenance")).get("started")),
        "epoch": course.epoch if epochs is not None else None,
        "epochs": epochs,
        "trials_done": len(course.scores) if by_trials else None,
        "trials_total": total,
        "seconds": number(table(info.get("cost")).get("device_seconds")) or course.device_seconds,
        "seconds_left": left if run.status == "running" and not config.get("folds") else None,
        "val": course.val,
        "best": course.best,
        "test": test,
    }


def _by_trials(run: Seen) -> bool:
    """Return whether the run is counted in trials, and not in epochs of its own."""
    tells = run.course.scores or run.config.get("budget") or run.info.get("verb") == "hpo"
    return bool(tells) and not run.course.epoch


def _trials(config: dict[str, Any]) -> int | None:
    """Return how many trials the budget allows, ``None`` where it counts something else."""
    try:
        budget = Budget.parse(text(config.get("budget")))
    except UserError:
        return None
    return int(budget.amount) if budget.unit == "trials" else None
