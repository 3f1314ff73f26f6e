"""A packed folder as a task: in memory if it is small, else mapped from its files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nasbench import measures
from nasbench.config import QUICK_SIDE, TaskConfig
from nasbench.data import packed
from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.data.packed import Damaged, Packed
from nasbench.data.watching import watcher
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task
from nasbench.training import losses, metrics

_CLASSES = 30  # that are listed with their counts

MAPPED_FROM = 2**30
"""Bytes of a part's examples from which they stay in their file."""


def cached(name: str, key: str, pack: Callable[[], object]) -> Task:
    """Return the task of a key, which is packed if it is not there or was damaged.

    Args:
        name: of the task.
        key: see :func:`nasbench.data.packed.key`.
        pack: writes the packed folder of the key from the source.

    Raises:
        UserError: the source cannot be read.
    """
    folder = packed.place(key)
    with packed.held(key):
        if folder.exists():
            try:
                task = open_packed(folder, name)
                _tell(folder, name, whole=False)
                return task
            except Damaged as error:
                watcher().line(str(error).partition(": delete ")[0] + ": packing anew")
                packed.discard(folder)
        pack()
    task = open_packed(folder, name)
    _tell(folder, name, whole=True)
    return task


def _tell(folder: Path, name: str, whole: bool) -> None:
    """Show what a packed folder holds.

    Args:
        folder: see :func:`open_packed`.
        name: of the task.
        whole: whether to show the counts of the classes, too.
    """
    found = packed.describe(folder)
    words = {"train": "to train on", "val": "to validate on", "test": "to test on"}
    counts = [f"{count:,} {words[part]}" for part, count in found.counts.items() if count]
    shape = "x".join(map(str, found.shape))
    classes = found.class_counts
    what = f" in {found.about.outputs} classes" if classes else ""
    watcher().line(f"{name}: {', '.join(counts)}; each {shape}{what}")
    if classes and whole:
        names = found.about.class_names or tuple(map(str, range(found.about.outputs)))
        for number, label in enumerate(names[:_CLASSES]):
            parts = [f"{part} {counts[number]:,}" for part, counts in classes.items()]
            watcher().line(f"  {label}: {', '.join(parts)}")
        if len(names) > _CLASSES:
            watcher().line(f"  and {len(names) - _CLASSES} more classes")
        largest = max(range(len(names)), key=classes["train"].__getitem__)
        share = classes["train"][largest] / found.counts["train"]
        watcher().line(f"largest class: {names[largest]}, {share:.1%} of those to train on")
    watcher().line(f"cache: {folder} ({found.size / 2**20:,.1f} MB)")
    for text in found.about.warnings:
        watcher().line(f"warning: {text}")


def key_of_pictures(key: Callable[[Any, int | None], str], config: TaskConfig) -> str:
    """Return the key of pictures, which may be packed already with the same size unsaid.

    A search chooses the size itself, and the retraining of what it found asks for that very size.

    Args:
        key: returns the key for a size and a number of channels, as a key says them.
        config: ``size`` and ``channels``.
    """
    if config.size is None:
        return key(["median", config.most_side], config.channels)
    asked = key(config.size, config.channels)
    if packed.place(asked).is_dir() or config.channels is None:
        return asked
    for most in (QUICK_SIDE, None):
        for channels in (None, config.channels):
            other = key(["median", most], channels)
            with suppress(Damaged):
                shape = packed.describe(packed.place(other)).shape
                if shape == (config.channels, config.size, config.size):
                    return other
    return asked


def open_packed(folder: Path, name: str) -> Task:
    """Return the task that a packed folder holds; nothing of the test part but its size is read.

    Args:
        folder: see :func:`nasbench.data.packed.place`.
        name: of the task.

    Raises:
        Damaged: a file was changed or cut.
    """
    found = packed.describe(folder)
    found.check("test", thorough=False)
    about, counts = found.about, found.counts
    train = _read(found, "train", counts["train"] + counts["val"])
    held_out = torch.arange(counts["train"], len(train)) if counts["val"] else None
    try:
        return Task(
            name,
            DataSpec(*found.shape, about.outputs, vocabulary=about.vocabulary),
            train,
            Augmentation(found.mean, found.std),
            SealedTest(partial(_read, found, "test", counts["test"])),
            about.note,
            loss=losses.loss(measures.DEFAULT_LOSS[about.target], about.target),
            metric=metrics.metric(measures.LEADING[about.target], about.target),
            class_names=about.class_names,
            held_out=held_out,
        )
    except (ValueError, LookupError) as error:
        raise found.damaged("task.json", "does not fit its arrays") from error


def _read(found: Packed, part: str, count: int) -> ImageSet:
    """Return the examples of a part after a check that they are as they were written."""
    mapped = found.stamps.get(f"{part}-examples.npy", [0])[0] >= MAPPED_FROM
    found.check(part, thorough=not mapped)
    examples = found.array(part, "examples")
    targets = _tensor(found, part, "targets")
    groups = _tensor(found, part, "groups") if found.has(part, "groups") else None
    if examples.shape[1:] != found.shape or not count == len(examples) == len(targets):
        raise found.damaged(f"{part}-examples.npy", "does not fit task.json")
    if found.about.target == "class" and int(targets.max()) >= found.about.outputs:
        raise found.damaged(f"{part}-targets.npy", "does not fit task.json")
    if mapped:
        path = found.path(part, "examples")
        return ImageSet.map(path, targets, groups, digest=found.digest if part == "train" else "")
    return ImageSet(torch.from_numpy(examples).clone(), targets, groups)


def _tensor(found: Packed, part: str, kind: str) -> Tensor:
    return torch.from_numpy(found.array(part, kind)).clone()
