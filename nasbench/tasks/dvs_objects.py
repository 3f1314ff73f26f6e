"""Objects seen by a DVS128: 9 classes of 300 event frames each, in order of time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet, channel_statistics
from nasbench.errors import UserError
from nasbench.events import npz
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task
from nasbench.tasks.event_files import locate_npz

NAMES = ("dvs128_objects_frames_2700.npz", "dvs_objects.npz")
TEST_SHARE = 0.2
#: Consecutive frames look alike, so validation holds out whole stretches of time: only the two
#: ends of a stretch have neighbors among the training frames.
STRETCH = 24
#: Frames of a class: 25 to train and validate on, which are two stretches, and 6 to test on.
MIN_FRAMES = 31


def load_dvs_objects(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return frames of uint8 ``(1, height, width)``: 0 darker, 128 unchanged, 255 brighter.

    The test set is the last fifth of each class's frames. The others form groups of 24 consecutive
    frames, which are never separated by a split.

    Args:
        data_dir: the only folder to look in, or the file; ``None`` for the usual folders.
        download: ignored, the file cannot be downloaded.

    Raises:
        UserError: the file is missing or has another form.
    """
    del download
    path = locate_npz("dvs-objects", NAMES, data_dir)
    labels, classes = _labels(path)
    # Each frame's number 0, 1, ... within its class.
    counts = np.bincount(labels, minlength=classes)
    order = np.argsort(labels, kind="stable")
    clock = np.empty_like(labels)
    clock[order] = np.arange(len(labels)) - np.repeat(counts.cumsum() - counts, counts)
    late = clock >= np.round(counts[labels] * (1 - TEST_SHARE))
    train = _read(path, labels, clock, np.flatnonzero(~late))
    _, channels, height, width = train.images.shape
    return Task(
        name="dvs-objects",
        spec=DataSpec(channels, height, width, classes),
        train=train,
        augmentation=Augmentation(*channel_statistics(train.images)),
        test=SealedTest(partial(_read, path, labels, clock, np.flatnonzero(late))),
        note="event frames of objects, the last fifth of each class in time as test",
    )


def _labels(path: Path) -> tuple[NDArray[np.int64], int]:
    """Return the label of every frame, and the number of classes."""
    labels = _array(path, "label")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < 0:
        raise UserError(f"{path}: label must hold an integer of at least 0 for each frame")
    if labels.max() >= len(labels):
        raise UserError(
            f"{path}: label {labels.max()}: must be 0 to {len(labels) - 1} for "
            f"{len(labels)} frames"
        )
    labels = labels.astype(np.int64)
    counts = np.bincount(labels)
    if counts.min() < MIN_FRAMES:
        raise UserError(
            f"{path}: class {counts.argmin()} has {counts.min()} frames: "
            f"must have at least {MIN_FRAMES}"
        )
    return labels, len(counts)


def _read(
    path: Path, labels: NDArray[np.int64], clock: NDArray[np.int64], rows: NDArray[np.int64]
) -> ImageSet:
    """Return some frames; a group is a stretch of one class.

    Args:
        path: the file.
        labels: int64 ``(n,)``, the class of each frame of the file.
        clock: int64 ``(n,)``, the number of each frame within its class.
        rows: int64 ``(k,)``, indices of the frames to return.
    """
    images = _array(path, "images")
    fits = images.dtype == np.uint8 and images.ndim == 3 and len(images) == len(labels)
    if not fits or images.size == 0:
        raise UserError(
            f"{path}: images are {images.dtype} {images.shape}: "
            f"must be uint8 ({len(labels)}, height, width)"
        )
    stretch = clock // STRETCH
    groups = labels * (int(stretch.max()) + 1) + stretch
    return ImageSet(
        torch.from_numpy(images[rows]).unsqueeze(1),
        torch.from_numpy(labels[rows]),
        torch.from_numpy(groups[rows]),
    )


def _array(path: Path, name: str) -> NDArray[Any]:
    """Return one array of the file."""
    found = npz.load(path, {name}).get(name)
    if found is None:
        raise UserError(f"{path}: lacks the array {name}; must hold images and label")
    if found.dtype.kind == "S":  # a member that is not a .npy file comes as bytes
        raise UserError(f"{path}: {name} is not an array; must hold images and label")
    return found
