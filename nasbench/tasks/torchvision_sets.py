"""Classification sets of torchvision by the name of their class: ``torchvision:SVHN``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from nasbench.config import TaskConfig
from nasbench.data.locate import is_taken, roots
from nasbench.data.watching import watcher
from nasbench.errors import UserError, unknown
from nasbench.optional import require
from nasbench.tasks import datasets
from nasbench.tasks.base import Task
from nasbench.tasks.downloads import network_timeout

Parts = Mapping[str, Mapping[str, Any]]

_WHOLE: Parts = {"train": {}}
_FLAG: Parts = {"train": {"train": True}, "test": {"train": False}}


def _split(train: str, test: str, val: str | None = None, **more: Any) -> Parts:
    named = {"train": train, "val": val, "test": test}
    return {part: {"split": one, **more} for part, one in named.items() if one is not None}


SETS: Mapping[str, Parts] = {
    "CIFAR10": _FLAG,
    "CIFAR100": _FLAG,
    "CLEVRClassification": _split("train", "val"),
    "Caltech101": _WHOLE,
    "Caltech256": _WHOLE,
    "CelebA": _split("train", "test", "valid"),
    "Country211": _split("train", "test", "valid"),
    "DTD": _split("train", "test", "val"),
    "EMNIST": {part: {"split": "balanced", **how} for part, how in _FLAG.items()},
    "EuroSAT": _WHOLE,
    "FER2013": _split("train", "test"),
    "FGVCAircraft": _split("train", "test", "val"),
    "FashionMNIST": _FLAG,
    "Flowers102": _split("train", "test", "val"),
    "Food101": _split("train", "test"),
    "GTSRB": _split("train", "test"),
    "INaturalist": {"train": {"version": "2021_train"}, "test": {"version": "2021_valid"}},
    "ImageNet": _split("train", "val"),
    "Imagenette": _split("train", "val"),
    "KMNIST": _FLAG,
    "MNIST": _FLAG,
    "OxfordIIITPet": _split("trainval", "test"),
    "PCAM": _split("train", "test", "val"),
    "Places365": _split("train-standard", "val", small=True),
    "QMNIST": _FLAG,
    "RenderedSST2": _split("train", "test", "val"),
    "SEMEION": _WHOLE,
    "STL10": _split("train", "test"),
    "SUN397": _WHOLE,
    "SVHN": _split("train", "test"),
    "StanfordCars": _split("train", "test"),
    "USPS": _FLAG,
}
"""The arguments of each part, by the official split. Without a test set one is cut off."""

_NO_DOWNLOAD = ("FER2013", "ImageNet")  # their constructors take no ``download``


def load(name: str, config: TaskConfig, data_dir: Path | None = None) -> Task:
    """Return the task of a set of torchvision.

    It is looked for in the folders of :func:`nasbench.data.locate.roots` and in a folder of its
    name there, and else downloaded by torchvision.

    Args:
        name: ``torchvision:SVHN``.
        config: how pictures are read.
        data_dir: the only folder to look in; ``None`` for the usual ones.

    Raises:
        UserError: it is no such set, or its files cannot be had.
    """
    title = name.partition(":")[2]
    if title not in SETS:
        raise unknown("torchvision set", title, SETS)
    module = require("torchvision.datasets", f"--task {name}")
    if not hasattr(module, title):
        raise UserError(f"--task {name}: the installed torchvision has no {title}")
    make = getattr(module, title)
    root, made = _opened(title, make, data_dir)
    return datasets.load(
        name,
        made,
        [title, str(root.absolute())],
        config,
        note=f"torchvision's {title}, official split"
        if len(made) > 1
        else f"torchvision's {title}",
        name=name,
    )


def _opened(
    title: str, make: Callable[..., Any], data_dir: Path | None
) -> tuple[Path, dict[str, Any]]:
    """Return the folder that holds a set, and its parts, which are downloaded if need be."""
    looked = roots(data_dir)
    for root in [place for one in looked for place in (one, one / title)]:
        if root.is_dir():
            _refuse_pickles(root / title / "processed")
            try:
                return root, _parts(title, make, root)
            except (
                RuntimeError,
                FileNotFoundError,
            ):  # how torchvision says that files are missing
                continue
    where = ", ".join(map(str, looked))
    target = looked[-1] / title
    if title in _NO_DOWNLOAD:
        raise UserError(
            f"torchvision:{title}: not found in {where}, and torchvision cannot download it: put "
            f"its files into {target}"
        )
    if is_taken(data_dir):
        raise UserError(
            f"torchvision:{title}: --data-dir {data_dir} does not hold it, nor is it empty to "
            "download to"
        )
    watcher().line(f"torchvision downloads {title} to {target}")
    try:
        target.mkdir(parents=True, exist_ok=True)
        with network_timeout():
            return target, _parts(title, make, target, download=True)
    except (OSError, RuntimeError, HTTPException) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(
            f"torchvision:{title}: not found in {where}, and the download failed ({reason})"
        ) from error


def _parts(title: str, make: Callable[..., Any], root: Path, **download: bool) -> dict[str, Any]:
    found = {}
    for part, how in SETS[title].items():
        try:
            # SEMEION downloads by default.
            more = {} if title in _NO_DOWNLOAD else {"download": False, **download}
            found[part] = make(str(root), **how, **more)
        except ImportError as error:
            raise UserError(f"torchvision:{title}: {error}") from error
    return found


def _refuse_pickles(folder: Path) -> None:
    """Raise if files of an old torchvision are there, which torchvision would unpickle."""
    if any(folder.glob("*.pt")):
        raise UserError(
            f"{folder} holds files of an old torchvision, which are not read, as reading them can "
            "run code: delete the folder, and have the set downloaded anew"
        )
