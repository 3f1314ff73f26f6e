"""Opens the task that a run names: a built-in one, the user's own data, or code that gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasbench import catalog
from nasbench.config import TaskConfig, flag
from nasbench.errors import UserError
from nasbench.tasks import sources
from nasbench.tasks.base import Task
from nasbench.training import losses, metrics

OF_OWN_DATA = ("target", "size", "channels", "skip_bad", "columns")
"""Options that say how the user's own data are read."""

Opener = Callable[[str, TaskConfig], Task]


def load(name: str, config: TaskConfig, data_dir: Path | None = None) -> Task:
    """Return a task with the loss and the metrics that the options ask for.

    Args:
        name: see :mod:`nasbench.tasks.sources`.
        config: how the data are read and judged.
        data_dir: the only folder to look for a built-in task's data; ``None`` for the usual ones.

    Raises:
        UserError: it is unknown, its data cannot be had, or an option does not fit it.
    """
    sources.check(name)
    kind = sources.kind(name)
    if kind in ("table", "code"):
        _refuse_own(name, config)
        task = _from_function(name, data_dir)
    else:
        if data_dir is not None:
            raise UserError(f"--data-dir {data_dir}: --task {name} says itself where its data are")
        task = _OPENERS[str(kind)](name, config)
    return judged(task, config)


def judged(task: Task, config: TaskConfig) -> Task:
    """Return the task with the loss and the metrics of the options.

    Raises:
        UserError: one of them is unknown, or not for what the task predicts.
    """
    target, loss, metric = task.target, task.loss, task.metric
    if config.loss is not None or config.class_weights is not None:
        weights = None
        if config.class_weights is not None:
            if target == "numbers":
                raise UserError("--class-weights balanced: the task predicts numbers, no classes")
            weights = losses.balanced_weights(task.train.labels, task.spec.outputs)
        loss = losses.loss(config.loss or loss.source or loss.name, target, weights)
    if config.metric is not None:
        metric = metrics.metric(config.metric, target)
    also = task.also
    if config.also is not None:
        also = tuple(metrics.metric(name.strip(), target) for name in config.also.split(","))
    return replace(task, loss=loss, metric=metric, also=also)


def _refuse_own(name: str, config: TaskConfig) -> None:
    plain = TaskConfig()
    for option in OF_OWN_DATA:
        value = getattr(config, option)
        if value != getattr(plain, option):
            given = flag(option) if value is True else f"{flag(option)} {value}"
            raise UserError(f"{given}: is for data of your own, and {name} says it itself")


def _from_function(name: str, data_dir: Path | None) -> Task:
    load: Any = catalog.resolve_function("task", name, named=("data_dir",))
    task = load(data_dir=data_dir)
    if not isinstance(task, Task):
        raise UserError(f"task {name!r}: returned {type(task).__name__}, not a nasbench Task")
    return task


def _open_later(name: str, config: TaskConfig) -> Task:
    raise UserError(f"--task {name}: data of this kind cannot be opened yet")


_OPENERS: dict[str, Opener] = {
    "folder": _open_later,
    "csv": _open_later,
    "arrays": _open_later,
    "hdf5": _open_later,
    "torchvision": _open_later,
}
