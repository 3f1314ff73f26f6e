"""How the networks of a study trained: accuracy after every epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasbench.report.plots import Curve, draw_curves
from nasbench.store.journal import number
from nasbench.store.runs import RunFolder
from nasbench.study.drive import Progress
from nasbench.study.plan import Plan

_METRICS = ("val_accuracy", "accuracy")
_WORDS = {"val_accuracy": "validation", "accuracy": "training"}


def write_curves(plan: Plan, progress: Progress, out: Path) -> list[Path]:
    """Draw a line for each ``train`` and ``retrain`` entry; return the path, if there is one.

    Validation accuracy where some images were held out, else that of training; the mean over the
    seeds, or over their folds, and the range of them.
    """
    found = dict[str, tuple[str, list[list[float]]]]()
    for entry in plan.study.entries.values():
        if entry.verb in ("train", "retrain"):
            runs = [path for step, path in progress.done.items() if step.entry is entry]
            metric, courses = _courses(runs)
            if courses:
                found[entry.name] = metric, courses
    if not found:
        return []
    metrics = {metric for metric, _ in found.values()}
    curves = [
        _curve(name if len(metrics) == 1 else f"{name} ({_WORDS[metric]})", courses)
        for name, (metric, courses) in found.items()
    ]
    words = " or ".join(_WORDS[metric] for metric in sorted(metrics, reverse=True))
    title = f"{plan.study.name}{plan.scale.suffix}: mean over runs, and their range"
    path = out / "training.svg"
    label = f"{words} accuracy, %"
    return [draw_curves(curves, path, xlabel="epoch", ylabel=label, title=title, log_x=False)]


def _courses(runs: Iterable[Path]) -> tuple[str, list[list[float]]]:
    """Return what all runs measured after each epoch, in percent: a list for each run or fold."""
    events = [_by_fold(RunFolder(run).journal.epochs()) for run in runs]
    every = [epochs for by_fold in events for epochs in by_fold.values()]
    for metric in _METRICS:
        courses = [[number(event.get(metric)) for event in epochs] for epochs in every]
        known = [[100 * v for v in course if v is not None] for course in courses]
        if every and [*map(len, known)] == [*map(len, every)]:
            return metric, known
    return "", []


def _by_fold(epochs: Iterable[dict[str, Any]]) -> dict[Any, list[dict[str, Any]]]:
    """Return the epochs of each fold in order; all are of one where there are no folds."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for event in sorted(epochs, key=lambda event: number(event["epoch"]) or 0.0):
        found.setdefault(event.get("fold"), []).append(event)
    return found


def _curve(name: str, courses: Sequence[Sequence[float]]) -> Curve:
    length = min(map(len, courses))
    values = np.array([course[:length] for course in courses])
    x = np.arange(1, length + 1, dtype=np.float64)
    return Curve(name, x, values.mean(0), values.min(0), values.max(0))
