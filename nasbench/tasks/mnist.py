"""MNIST and Fashion-MNIST: 28x28 gray images, 60,000 to train on and 10,000 to test on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from nasbench.data.augment import Augmentation
from nasbench.data.idx import read_idx
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.optional import require
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task
from nasbench.tasks.downloads import DownloadableFiles

_SPEC = DataSpec(1, 28, 28, 10)
_FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)


@dataclass(frozen=True)
class _Variant:
    """One of the two sets.

    Attributes:
        name: name of the task.
        source: its files.
        augmentation: with the set's own mean and deviation.
        class_counts: number of training images of each class in the official set.
        class_names: what the classes are.
    """

    name: str
    source: DownloadableFiles
    augmentation: Augmentation
    class_counts: tuple[int, ...]
    class_names: tuple[str, ...]


def _source(title: str, dataset: str, alias: str) -> DownloadableFiles:
    """Return the files of the set that torchvision calls ``dataset``."""

    def download(root: Path) -> None:
        # torchvision downloads the archives and checks the md5 of each.
        getattr(require("torchvision.datasets", f"the download of {title}"), dataset)(
            root, download=True
        )

    return DownloadableFiles(
        title, f"{dataset}/raw", (alias,), _FILES, download, suffixes=("", ".gz")
    )


_MNIST = _Variant(
    "mnist",
    _source("MNIST", "MNIST", "mnist"),
    Augmentation(mean=(0.1307,), std=(0.3081,), crop_padding=2),
    (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    tuple("0123456789"),
)
_FASHION = _Variant(
    "fashion-mnist",
    _source("Fashion-MNIST", "FashionMNIST", "fashion-mnist"),
    Augmentation(mean=(0.2860,), std=(0.3530,), crop_padding=2),
    (6000,) * 10,
    (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
)


def load_mnist(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return MNIST, read from ``MNIST/raw``, ``mnist`` or ``data_dir`` itself.

    Args:
        data_dir: the only folder to look in; ``None`` for the usual ones.
        download: whether missing files may be downloaded.

    Raises:
        UserError: the files are missing or damaged.
    """
    return _load(_MNIST, _FASHION, data_dir, download)


def load_fashion_mnist(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return Fashion-MNIST, read from ``FashionMNIST/raw``, ``fashion-mnist`` or ``data_dir``.

    The arguments and errors are those of :func:`load_mnist`.
    """
    return _load(_FASHION, _MNIST, data_dir, download)


def _load(variant: _Variant, other: _Variant, data_dir: Path | None, download: bool) -> Task:
    """Load one of the two sets, and check that it is not the other."""
    folder = variant.source.locate(data_dir, download)
    train = _read(variant.source, folder, "train")
    # Both sets use the same file names, but differ in their class counts.
    if tuple(torch.bincount(train.labels).tolist()) == other.class_counts:
        raise UserError(
            f"{folder} holds {other.source.title}, not {variant.source.title}: "
            f"choose the task {other.name} or another --data-dir"
        )
    return Task(
        name=variant.name,
        spec=_SPEC,
        train=train,
        augmentation=variant.augmentation,
        test=SealedTest(partial(_read, variant.source, folder, "t10k")),
        note=f"{variant.source.title}, official split",
        class_names=variant.class_names,
    )


def _read(source: DownloadableFiles, folder: Path, part: str) -> ImageSet:
    """Read the images and labels of ``part``, which is ``"train"`` or ``"t10k"``."""
    names = [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]
    images, labels = (read_idx(source.path(folder, name) or folder / name) for name in names)
    if images.dim() != 3 or images.shape[1:] != (_SPEC.height, _SPEC.width):
        raise UserError(f"{folder / names[0]} holds {tuple(images.shape)}: must be (n, 28, 28)")
    if labels.shape != images.shape[:1]:
        raise UserError(
            f"{folder / names[1]} holds {tuple(labels.shape)} labels: must be ({len(images)},)"
        )
    if len(labels) and int(labels.max()) >= _SPEC.classes:
        raise UserError(f"{folder / names[1]} holds label {int(labels.max())}: must be 0 to 9")
    return ImageSet(images.unsqueeze(1), labels.long())
