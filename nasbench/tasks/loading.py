"""Opens the task that a run names: a built-in one, the user's own data, or code that gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nasbench import catalog
from nasbench.config import TaskConfig
from nasbench.data import packed
from nasbench.errors import UserError, unknown
from nasbench.tasks import (
    arrays,
    csv_files,
    hdf5,
    image_folder,
    own_code,
    own_data,
    packing,
    recordings,
    sources,
    torchvision_sets,
)
from nasbench.tasks.base import Task
from nasbench.training import losses, metrics

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
    _check_names(config)
    kind = sources.kind(name)
    if kind == "table":
        packing.refuse_own(name, config)
        task = catalog.resolve("task", name)(data_dir=data_dir)
    elif kind == "code":
        task = own_code.load(name, config, data_dir)
    elif kind == "torchvision":
        task = torchvision_sets.load(name, config, data_dir)
    elif kind == "csv":
        task = csv_files.load(name, config, data_dir)
    else:
        if data_dir is not None:
            raise UserError(f"--data-dir {data_dir}: --task {name} says itself where its data are")
        task = _OPENERS[str(kind)](name, config)
    return judged(task, config)


def _check_names(config: TaskConfig) -> None:
    """Raise if no target has a metric or a loss of that name, before pictures are decoded."""
    asked = [config.metric, *(() if config.also is None else config.also.split(","))]
    tables = (
        ("--metric", [name.strip() for name in asked if name is not None], metrics.METRICS),
        ("--loss", [config.loss] if config.loss is not None else [], losses.LOSSES),
    )
    for option, names, targets in tables:
        allowed = dict.fromkeys(name for table in targets.values() for name in table)
        for name in names:
            if ":" not in name and name not in allowed:
                raise unknown(option, name, [*allowed, "file.py:function"])


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
            weights = losses.balanced_weights(task.trained_labels, task.spec.outputs)
        loss = losses.loss(config.loss or loss.source or loss.name, target, weights)
    if config.metric is not None:
        metric = metrics.metric(config.metric, target)
    also = task.also
    if config.also is not None:
        also = tuple(metrics.metric(name.strip(), target) for name in config.also.split(","))
    return replace(task, loss=loss, metric=metric, also=also)


def resizes(name: str, columns: str | None = None) -> bool:
    """Return whether a task's examples are pictures in files, which are resized.

    Args:
        name: see :mod:`nasbench.tasks.sources`.
        columns: the option of that name.
    """
    kind = sources.kind(name)
    if kind == "csv":
        try:
            return csv_files.names_pictures(name, columns)
        except UserError:  # told when the table is opened, if it is
            return False
    if kind != "folder":
        return False
    folder = sources.paths(name)[0]
    packs = (folder / packed.DESCRIPTION).is_file()
    return folder.is_dir() and not packs and not recordings.holds_recordings(folder)


def _open_folder(name: str, config: TaskConfig) -> Task:
    folder = sources.paths(name)[0]
    if (folder / packed.DESCRIPTION).is_file():
        packing.refuse_own(name, config)
        _check_packed(name, folder)
        return own_data.open_packed(folder, sources.short(name))
    if recordings.holds_recordings(folder):
        return recordings.load(name, config)
    return image_folder.load(name, config)


def _check_packed(name: str, folder: Path) -> None:
    """Raise unless a packed folder, which may come from elsewhere, holds its own files alone."""
    kinds = ("examples", "targets", "groups")
    files = {f"{part}-{kind}.npy" for part in packed.PARTS for kind in kinds}
    for path in folder.iterdir():
        allowed = path.name in files or path.name == packed.DESCRIPTION
        if not allowed or path.is_symlink() or not path.is_file():
            raise UserError(f"--task {name}: {path.name} is no file of packed data")
    if set(packed.describe(folder).fingerprints) - files:
        raise UserError(f"--task {name}: {packed.DESCRIPTION} names other files than its own")


_OPENERS: dict[str, Opener] = {
    "folder": _open_folder,
    "arrays": arrays.load,
    "hdf5": hdf5.load,
}
