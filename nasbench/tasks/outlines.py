"""The built-in tasks without their data: shapes and sizes, for estimates before a download."""

from __future__ import annotations

import torch

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task

_DIGITS = DataSpec(1, 28, 28, 10)
OUTLINES: dict[str, tuple[DataSpec, int, int]] = {
    "digits": (DataSpec(1, 8, 8, 10), 1_437, 360),
    "mnist": (_DIGITS, 60_000, 10_000),
    "fashion-mnist": (_DIGITS, 60_000, 10_000),
    "cifar10": (DataSpec(3, 32, 32, 10), 50_000, 10_000),
    "gait": (DataSpec(4, 128, 128, 20), 2_000, 2_000),  # the public DVS128-Gait
    "gait-synthetic": (DataSpec(4, 128, 128, 21), 336, 168),
}
"""Shape of an example with the number of classes, number of training and of test examples."""


def outline(name: str) -> Task | None:
    """Return a task of the same shape and size whose training images are all black.

    Args:
        name: of the task.

    Returns:
        The task; its test set cannot be opened. ``None`` if the size is known from the data alone.
    """
    if name not in OUTLINES:
        return None
    spec, examples, _ = OUTLINES[name]
    images = torch.zeros(1, *spec.shape, dtype=torch.uint8).expand(examples, *spec.shape)
    augmentation = Augmentation((0.5,) * spec.channels, (0.25,) * spec.channels)
    train = ImageSet(images, torch.arange(examples) % spec.outputs)
    return Task(name, spec, train, augmentation, SealedTest(_sealed))


def test_examples(name: str, train: int) -> int:
    """Return the size of a task's test set, without opening it.

    Args:
        name: of the task; of one that is not built in, a fifth of the examples is assumed.
        train: the number of its training examples.
    """
    return OUTLINES[name][2] if name in OUTLINES else train // 4


def _sealed() -> ImageSet:
    raise UserError("the outline of a task has no test set")
