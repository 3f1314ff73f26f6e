"""N-MNIST (Orchard et al., 2015): MNIST's digits seen by an event camera, as event images."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import torch

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet, channel_statistics
from nasbench.errors import UserError
from nasbench.events import npz
from nasbench.events.images import Window, images
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task
from nasbench.tasks.event_files import locate_npz

NAMES = ("nmnist.npz", "nmnist_small_1100.npz")
CLASSES = 10
_TRAIN, _TEST = 0, 1  # of the file's own split


def load_nmnist(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return N-MNIST from one packed ``.npz`` file; :mod:`nasbench.events.npz` lists its arrays.

    Images are float32 ``(4, 34, 34)``: counts and last times of both polarities. The split is the
    file's own, 0 for training and 1 for testing.

    Args:
        data_dir: the only folder to look in, or the file; ``None`` for the usual folders.
        download: ignored, the file cannot be downloaded.

    Raises:
        UserError: the file is missing, has another form, or lacks training or test recordings.
    """
    del download
    path = locate_npz("nmnist", NAMES, data_dir)
    samples = npz.samples(path)
    if samples is None:
        raise UserError(
            f"{path}: holds one recording; must hold the arrays {', '.join(npz.PACKED)}"
        )
    for label, _ in samples:
        if label not in range(CLASSES):  # also refuses text and fractions
            raise UserError(f"{path}: label {label!r}: must be 0 to {CLASSES - 1}")
    parts = {split: [i for i, one in enumerate(samples) if one[1] == split] for split in (0, 1)}
    if not (parts[_TRAIN] and parts[_TEST]):
        raise UserError(f"{path}: must hold recordings of split 0 (training) and 1 (test)")
    labels = [int(label) for label, _ in samples]
    for label, count in Counter(labels[i] for i in parts[_TRAIN]).items():
        if count < 2:  # one to train on and one to validate on
            raise UserError(
                f"{path}: label {label} has {count} training recording: must have at least 2"
            )
    train = _read(path, labels, parts[_TRAIN])
    _, channels, height, width = train.images.shape
    return Task(
        name="nmnist",
        spec=DataSpec(channels, height, width, CLASSES),
        train=train,
        augmentation=Augmentation(*channel_statistics(train.images)),
        test=SealedTest(partial(_read, path, labels, parts[_TEST])),
        note=f"N-MNIST, {len(samples):,} recordings of {path.name}, the file's own split",
    )


def _read(path: Path, labels: list[int], indices: list[int]) -> ImageSet:
    """Return the images of the recordings at ``indices``."""
    made = [
        next(images([npz.read(path, index)], f"{path}: recording {index}", Window())).pixels
        for index in indices
    ]
    return ImageSet(torch.from_numpy(np.stack(made)), torch.tensor([labels[i] for i in indices]))
