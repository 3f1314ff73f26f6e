"""CIFAR-10: 32x32 photographs in ten classes, 50,000 to train on and 10,000 to test on."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.optional import require
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task
from nasbench.tasks.downloads import DownloadableFiles

_FOLDER = "cifar-10-batches-py"
_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")

CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def _dataset() -> Any:
    """Return torchvision's class."""
    return require("torchvision.datasets", "the task cifar10").CIFAR10


_SOURCE = DownloadableFiles(
    "CIFAR-10",
    _FOLDER,
    (f"cifar10/{_FOLDER}",),
    _FILES,
    lambda root: _dataset()(root, download=True),  # torchvision checks the archive's md5
)


def load_cifar10(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return CIFAR-10, read from ``cifar-10-batches-py`` or from ``data_dir`` itself.

    Args:
        data_dir: the only folder to look in; ``None`` for the usual ones.
        download: whether missing files may be downloaded (170 MB).

    Raises:
        UserError: the files are missing or damaged.
    """
    folder = _SOURCE.locate(data_dir, download)
    return Task(
        name="cifar10",
        spec=DataSpec(3, 32, 32, 10),
        train=_read(folder, train=True),
        augmentation=Augmentation(
            mean=(0.49139968, 0.48215827, 0.44653124),
            std=(0.24703233, 0.24348505, 0.26158768),
            crop_padding=4,
            flip=True,
        ),
        test=SealedTest(partial(_read, folder, train=False)),
        note="CIFAR-10, official split",
        class_names=CLASSES,
    )


def _read(folder: Path, train: bool) -> ImageSet:
    """Read one part with torchvision, which checks the md5 of a file before unpickling it."""
    dataset = _dataset()
    # torchvision would check both parts; without the other part's list, that one stays unread.
    others: dict[str, object] = {"test_list": []} if train else {"train_list": []}
    part = type("CIFAR10Part", (dataset,), {"base_folder": folder.name, **others})
    try:
        data = part(folder.parent, train=train, download=False)
    except (RuntimeError, OSError) as error:
        raise _damage(folder, dataset, train) or UserError(f"{folder}: {error}") from error
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous()
    return ImageSet(images, torch.tensor(data.targets))


def _damage(folder: Path, dataset: Any, train: bool) -> UserError | None:
    """Return an error that names the first damaged file, or ``None`` if all are intact."""
    part = dataset.train_list if train else dataset.test_list
    meta = (dataset.meta["filename"], dataset.meta["md5"])
    for name, expected in (*part, meta):
        path = folder / name
        if not path.is_file():
            return UserError(f"{path} is missing: download {_SOURCE.title} again")
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            return UserError(
                f"{path} is truncated or damaged (md5 {found}, expected {expected}): "
                "delete it and download again"
            )
    return None
