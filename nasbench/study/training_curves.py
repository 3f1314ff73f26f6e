"""How the networks of a study trained: accuracy after every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nasbench.report.curves import Curve, draw
from nasbench.store.runs import RunFolder
from nasbench.study.drive import Progress
from nasbench.study.plan import Plan

_METRICS = ("val_accuracy", "accuracy")


def write_curves(plan: Plan, progress: Progress, out: Path) -> list[Path]:
    """Draw a line for each ``train`` and ``retrain`` entry; return the path, if there is one.

    Validation accuracy where some images were held out, else that of training; the mean over the
    seeds, and the range of them.
    """
    curves, shown = [], set()
    for entry in plan.study.entries.values():
        if entry.verb not in ("train", "retrain"):
            continue
        runs = [path for step, path in progress.done.items() if step.entry is entry]
        courses = [course for path in runs if (course := _course(path))[1]]
        if courses:
            shown |= {name for name, _ in courses}
            curves.append(_curve(entry.name, [values for _, values in courses]))
    if not curves:
        return []
    words = " or ".join("validation" if name.startswith("val") else "training" for name in shown)
    title = f"{plan.study.name}: mean over seeds, and their range"
    label = f"{words} accuracy, %"
    path = out / "training.svg"
    return [draw(curves, path, xlabel="epoch", ylabel=label, title=title, log_x=False)]


def _course(run: Path) -> tuple[str, list[float]]:
    """Return what a run measured after each epoch, in percent; a repeated epoch counts once."""
    epochs = {int(e["epoch"]): e for e in RunFolder(run).journal.events("epoch")}
    for name in _METRICS:
        if epochs and all(name in event for event in epochs.values()):
            return name, [100 * float(epochs[number][name]) for number in sorted(epochs)]
    return "", []


def _curve(name: str, courses: Sequence[Sequence[float]]) -> Curve:
    length = min(map(len, courses))
    values = np.array([course[:length] for course in courses])
    x = np.arange(1, length + 1, dtype=np.float64)
    return Curve(name, x, values.mean(0), values.min(0), values.max(0))
