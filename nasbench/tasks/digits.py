"""The 1,797 handwritten 8x8 digits bundled with scikit-learn: a real task for a laptop's CPU."""

from __future__ import annotations

from contextlib import suppress
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.data.split import stratified_split
from nasbench.errors import UserError
from nasbench.optional import require
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task

#: Seed of the split into training and test images; scikit-learn did not keep the official split.
#: It is fixed and independent of a run's seed: otherwise runs would not be comparable, and test
#: images of one run would be training images of another.
TEST_SEED = 1797
TEST_IMAGES = 360


def load_digits(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return the digits: 1,437 training and 360 test images, values 0 to 16 scaled to bytes.

    Args:
        data_dir: must be ``None``: the images are bundled with scikit-learn.
        download: ignored.

    Raises:
        UserError: scikit-learn is missing, or a folder is given, which would not be read.
    """
    del download
    if data_dir is not None:
        raise UserError(
            f"--data-dir {data_dir}: the task digits reads no folder, as its images are part of "
            "scikit-learn; leave it out, or name another task with --task"
        )
    whole = _all()
    rest, held_out = stratified_split(whole.labels, TEST_IMAGES / len(whole), TEST_SEED)
    return Task(
        name="digits",
        spec=DataSpec(1, 8, 8, 10),
        train=whole.subset(rest),
        augmentation=Augmentation(mean=(0.3044,), std=(0.3754,), crop_padding=1),
        test=SealedTest(partial(whole.subset, held_out)),
        note="scikit-learn's 8x8 digits, fixed split 1437/360",
        class_names=tuple("0123456789"),
    )


@cache  # they are read from a text
def _all() -> ImageSet:
    rows = _rows()
    images = torch.from_numpy(rows[:, :-1]).reshape(-1, 1, 8, 8)
    return ImageSet(
        images.mul(255 / 16).round().to(torch.uint8), torch.from_numpy(rows[:, -1]).long()
    )


def _rows() -> NDArray[np.float64]:
    """Return 64 values from 0 to 16 and the label of each digit, shape ``(1797, 65)``.

    The file is read without an import of scikit-learn, which takes seconds, if it is found.
    """
    with suppress(ImportError, ValueError):  # not installed, or hidden: reported below
        found = find_spec("sklearn")
        for folder in (found and found.submodule_search_locations) or ():
            if (path := Path(folder, "datasets", "data", "digits.csv.gz")).is_file():
                return np.loadtxt(path, delimiter=",")
    digits = require("sklearn.datasets", "the task digits", "scikit-learn").load_digits()
    return np.column_stack([digits.data, digits.target])
