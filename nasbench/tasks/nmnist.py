"""N-MNIST: MNIST's digits before a moving event camera (Orchard et al., 2015), as event images."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import torch

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.events import npz
from nasbench.events.images import Window, images
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import Task
from nasbench.tasks.event_files import locate
from nasbench.tasks.gait import statistics

NAMES = ("nmnist.npz", "nmnist_small_1100.npz")
CLASSES = 10
_TRAIN, _TEST = 0, 1  # of the file's own split


def load_nmnist(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return N-MNIST from one packed ``.npz`` file; ``nasbench.events.npz`` tells its arrays.

    Images are (4, 34, 34): counts and last times of both polarities. The split is the file's own,
    0 for training, 1 for testing.

    Args:
        data_dir: the only folder to look in, or the file; None for the usual folders.
        download: not needed, nothing can be downloaded.

    Raises:
        UserError: the file is missing, is no such file, or lacks a part.
    """
    del download
    path = locate("nmnist", NAMES, data_dir)
    samples = npz.samples(path)
    if samples is None:
        raise UserError(f"{path}: it holds one recording; {', '.join(npz.PACKED)} are needed")
    for label, _ in samples:
        if label not in range(CLASSES):  # which no text and no half is, either
            raise UserError(f"{path}: label {label!r}: 0 to {CLASSES - 1} is allowed")
    parts = {split: [i for i, one in enumerate(samples) if one[1] == split] for split in (0, 1)}
    if not (parts[_TRAIN] and parts[_TEST]):
        raise UserError(f"{path}: recordings of split 0 (training) and 1 (test) are needed")
    labels = [int(label) for label, _ in samples]
    _check_train(path, [labels[i] for i in parts[_TRAIN]])
    train = _read(path, labels, parts[_TRAIN])
    _, channels, height, width = train.images.shape
    return Task(
        name="nmnist",
        spec=DataSpec(channels, height, width, CLASSES),
        train=train,
        augmentation=Augmentation(*statistics(train.images)),
        _load_test=partial(_read, path, labels, parts[_TEST]),
        note=f"N-MNIST, {len(samples):,} recordings of {path.name}, the file's own split",
    )


def _check_train(path: Path, labels: list[int]) -> None:
    """Raise where a digit has nothing to validate on."""
    for label, count in Counter(labels).items():
        if count < 2:
            raise UserError(f"{path}: label {label} has {count} recording to train on: at least 2")


def _read(path: Path, labels: list[int], indices: list[int]) -> ImageSet:
    """Return the images of the recordings at ``indices``."""
    made = [
        next(images([npz.read(path, index)], f"{path}: recording {index}", Window())).pixels
        for index in indices
    ]
    return ImageSet(torch.from_numpy(np.stack(made)), torch.tensor([labels[i] for i in indices]))
