"""Objects before a DVS128: 9 classes of 300 event frames each, in the order of their times."""

from __future__ import annotations

import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import Task
from nasbench.tasks.event_files import locate

NAMES = ("dvs128_objects_frames_2700.npz", "dvs_objects.npz")
TEST_SHARE = 0.2
#: Frames that follow each other look alike, so validation holds out whole stretches of time. A
#: stretch of 24 frames has two neighbours at its ends; a random frame has nothing else.
STRETCH = 24
#: Frames of a class: 25 to train and to validate on, which are two stretches, and 6 to test.
LEAST = 31
_UNREADABLE = (  # what a damaged, encrypted or oversized member raises
    *(ValueError, OSError, EOFError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


def load_dvs_objects(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return the frames as bytes (1, height, width): 0 darker, 128 unchanged, 255 brighter.

    The last fifth of each class's frames are the test set. The others are grouped into stretches
    of 24 frames, which no split parts.

    Args:
        data_dir: the only folder to look in, or the file; None for the usual folders.
        download: not needed, nothing can be downloaded.

    Raises:
        UserError: the file is missing or is no such file.
    """
    del download
    path = locate("dvs-objects", NAMES, data_dir)
    labels, classes = _labels(path)
    # Each class's own clock: 0, 1, 2, ... in the order of the file.
    clock, counts = _clock(labels, classes)
    late = clock >= np.round(counts[labels] * (1 - TEST_SHARE))
    train = _read(path, labels, clock, np.flatnonzero(~late))
    std, mean = torch.std_mean(train.images.double() / 255, correction=0)
    _, channels, height, width = train.images.shape
    return Task(
        name="dvs-objects",
        spec=DataSpec(channels, height, width, classes),
        train=train,
        augmentation=Augmentation((float(mean),), (float(std) or 1.0,)),
        _load_test=partial(_read, path, labels, clock, np.flatnonzero(late)),
        note="event frames of objects, the last fifth of each class in time as test",
    )


def _labels(path: Path) -> tuple[NDArray[np.int64], int]:
    """Return the label of every frame, and the number of classes."""
    labels = _array(path, "label")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < 0:
        raise UserError(f"{path}: label must hold a whole number from 0 on for each frame")
    if labels.max() >= len(labels):
        raise UserError(
            f"{path}: label {labels.max()}: 0 to {len(labels) - 1} is allowed for "
            f"{len(labels)} frames"
        )
    labels = labels.astype(np.int64)
    counts = np.bincount(labels)
    if counts.min() < LEAST:
        raise UserError(
            f"{path}: class {counts.argmin()} has {counts.min()} frames: at least {LEAST}"
        )
    return labels, len(counts)


def _clock(labels: NDArray[np.int64], classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each frame's number among those of its class, and the size of each class."""
    counts = np.bincount(labels, minlength=classes)
    order = np.argsort(labels, kind="stable")
    clock = np.empty_like(labels)
    clock[order] = np.arange(len(labels)) - np.repeat(counts.cumsum() - counts, counts)
    return clock, counts


def _read(
    path: Path, labels: NDArray[np.int64], clock: NDArray[np.int64], rows: NDArray[np.int64]
) -> ImageSet:
    """Return the frames at ``rows``; a group is a stretch of one class."""
    images = _array(path, "images")
    fits = images.dtype == np.uint8 and images.ndim == 3 and len(images) == len(labels)
    if not fits or images.size == 0:
        raise UserError(
            f"{path}: images are {images.dtype} {images.shape}: "
            f"uint8 ({len(labels)}, height, width) is allowed"
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
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found: NDArray[Any] | bytes = file[name]
    except KeyError as error:
        raise UserError(
            f"{path}: there is no array {name}; images and label are needed"
        ) from error
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UserError(f"{path}: not a readable .npz file ({reason})") from error
    if isinstance(found, bytes):  # a member that is no .npy
        raise UserError(f"{path}: {name} is no array; images and label are needed")
    return found
