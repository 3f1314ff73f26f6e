"""The run folders of one results folder; each is read again only once it has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench import measures
from nasbench.board import notes
from nasbench.board.files import (
    Signature,
    checkpoint_of,
    inside,
    read_json,
    signature,
    text,
    whole,
)
from nasbench.board.history import History
from nasbench.budget import Budget
from nasbench.errors import UserError
from nasbench.measures import Measure
from nasbench.store import older
from nasbench.store.journal import number, table
from nasbench.store.runs import FORMAT, LOCK, STATUSES, is_held


@dataclass
class Run:
    """A run folder as it was when it was last read.

    Attributes:
        path: the folder.
        key: the run's name in addresses: twelve hexadecimal digits.
        info: the content of ``run.json``.
        status: see :attr:`nasbench.store.runs.RunFolder.status`.
        history: its progress.
        problem: why it cannot be shown, ``""`` if it can.
        notes: the reader's tags and note.
    """

    path: Path
    key: str
    info: dict[str, Any] = field(default_factory=dict)
    status: str = ""
    history: History = field(default_factory=History)
    problem: str = ""
    signatures: tuple[Signature, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    _origin: str | None = None

    @property
    def measure(self) -> Measure | None:
        """The leading metric, ``None`` of an experiment whose trials report what they like."""
        if self.config.get("engine") == "nni" or "optimize_mode" in self.info:
            return None
        return measures.of_run(self.info)

    @property
    def larger_is_better(self) -> bool:
        """The direction of the run's scores."""
        if self.measure is not None:
            return self.measure.larger_is_better
        return self.info.get("optimize_mode") != "minimize"

    def origin(self, bound: Path) -> str:
        """Return the name of the run that found what this one retrains, ``""`` if unknown.

        Args:
            bound: the folder that no file may lead out of.
        """
        if self._origin is None:
            retrains = self.info.get("verb") == "retrain"
            found = text(checkpoint_of(self.path, bound).get("run")) if retrains else ""
            self._origin = found if found != self.path.name else ""
        return self._origin

    @property
    def config(self) -> dict[str, Any]:
        """The run's options."""
        return table(self.info.get("config"))


class Runs:
    """All runs under ``root/runs``.

    Args:
        root: a results folder.
        name: its name, unique among the folders on the page.
        bound: the folder that no file may lead out of.
    """

    def __init__(self, root: Path, name: str, bound: Path) -> None:
        self.root = root
        self.name = name
        self.bound = bound
        self._runs: dict[Path, Run] = {}

    def paths(self) -> list[Path]:
        """Return the run folders, sorted by name."""
        folder = self.root / "runs"
        found = sorted(folder.glob("*/run.json")) if inside(folder, self.bound) else []
        return [path.parent for path in found]

    def read(self) -> list[Run]:
        """Return the runs, sorted by name, including those with a problem."""
        self._runs = {path: self._refreshed(path) for path in self.paths()}
        return list(self._runs.values())

    def key_of(self, name: str) -> str:
        """Return the key of the run, and of the record, with this name."""
        full = f"{self.name}/{name}".encode(errors="surrogateescape")
        return hashlib.sha256(full).hexdigest()[:12]

    def link(self, name: str) -> dict[str, Any]:
        """Return a run's name with its key, and whether its folder is there."""
        run = self._runs.get(self.root / "runs" / name)
        there = run is not None and not run.problem
        return {"key": self.key_of(name), "name": text(name), "run": there}

    def retrainings(self, name: str) -> list[Run]:
        """Return the runs that retrain what the run of this name found."""
        readable = (run for run in self._runs.values() if not run.problem)
        return [run for run in readable if run.origin(self.bound) == name]

    def find(self, key: str) -> Run | None:
        """Return the readable run with this key, up to date."""
        path = next((path for path, run in self._runs.items() if run.key == key), None)
        if path is None:
            return None
        run = self._refreshed(path)
        return None if run.problem else run

    def _refreshed(self, path: Path) -> Run:
        run = self._runs.get(path)
        if run is None:
            run = Run(path, self.key_of(path.name))
        journal = path / "journal.jsonl"
        now = signature(path / "run.json"), signature(journal), signature(path / notes.FILE)
        if now != run.signatures:
            run.signatures, run.problem, run._origin = now, "", None
            try:
                run.info = older.run_info(read_json(path / "run.json", self.bound))
                if run.info.get("format") != FORMAT:
                    raise ValueError(f"run.json: not of the format {FORMAT}")
                run.notes = notes.read(path, self.bound)
                run.history = run.history if run.history.fits(journal) else History()
                run.history.update(journal, self.bound, run.measure, run.larger_is_better)
            except (ValueError, OSError) as error:
                run.problem = f"runs/{text(path.name)} left out: {error}"
        if run.problem:
            return run
        recorded = text(run.info.get("status"))
        run.status = recorded if recorded in STATUSES else "stopped"
        if recorded == "running":
            lock = path / LOCK
            held = inside(lock, self.bound) and lock.is_file() and is_held(lock)
            run.status = "running" if held else "stopped"
        return run


def row(run: Run, test: float | None) -> dict[str, Any]:
    """Return the run's line in the list of runs.

    Args:
        run: a readable run.
        test: its leading metric on the test set, if it has one.
    """
    info, history, config = run.info, run.history, run.config
    tries = history.scores or config.get("budget") or info.get("verb") == "hpo"
    by_trials = bool(tries) and not history.epoch
    epochs = None if by_trials else whole(config.get("epochs"))
    total = _trials(config) if by_trials else None
    left = history.seconds_left(epochs, total, _devices(config))
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
        "epoch": history.epoch if epochs is not None else None,
        "epochs": epochs,
        "trials_done": len(history.scores) if by_trials else None,
        "trials_total": total,
        "seconds": number(table(info.get("cost")).get("device_seconds")) or history.device_seconds,
        "seconds_left": left if run.status == "running" and not config.get("folds") else None,
        "val": history.val,
        "best": history.best,
        "test": test,
        "metric": metric(run.measure) if run.measure is not None else None,
        "tags": run.notes.get("tags", []),
        "note": run.notes.get("note", ""),
    }


def metric(measure: Measure) -> dict[str, Any]:
    """Return how the page shows the values of a metric."""
    return {
        "name": text(measure.name),
        "words": text(measure.words),
        "heading": text(measure.heading),
        "share": measure.is_share,
        "larger": measure.larger_is_better,
    }


def _trials(config: dict[str, Any]) -> int | None:
    """Return the number of trials of the budget, ``None`` if it is in another unit."""
    try:
        budget = Budget.parse(text(config.get("budget")))
    except UserError:
        return None
    return int(budget.amount) if budget.unit == "trials" else None


def _devices(config: dict[str, Any]) -> float:
    """Return how many devices the trials at a time occupy; concurrent ones share a CPU."""
    at_once = max(whole(config.get("concurrency")) or 1, 1)
    gpus = number(config.get("gpus_per_trial")) or 0.0
    if gpus > 0:
        return at_once * gpus
    return float(at_once) if config.get("engine") == "ray" else 1.0


def shares(run: Run, names: Iterable[str]) -> list[str]:
    """Return those names of values that are shares, which the page shows in percent."""
    own = run.measure
    suffix = f"_{own.name}" if own is not None and own.is_share else None
    return [
        name
        for name in dict.fromkeys(names)
        if measures.named(name).is_share or (suffix and name.endswith(suffix))
    ]
