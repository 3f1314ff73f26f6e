"""Two tasks of other kinds than "which class?": several labels, and a number.

    nasbench search random --task examples/mnist_tasks.py:several
    nasbench hpo small-cnn --task examples/mnist_tasks.py:angle --metric mae

``several`` asks which digits lie in a picture of four fields, some of them empty; ``angle`` asks
by how much a digit is turned. Both are made of MNIST, or of scikit-learn's small digits
(``several_small``, ``angle_small``), which need no download.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nasbench.data.images import ImageSet
from nasbench.tasks.base import Task
from nasbench.tasks.digits import load_digits
from nasbench.tasks.mnist import load_mnist

EMPTY = 0.4  # share of the fields without a digit
WIDEST = 45.0  # degrees in either direction; a target of 1 means so many


def several(data_dir: Path | None = None) -> Task:
    """Return the task of the digits in pictures of 28x28, made of MNIST."""
    return _several("several", load_mnist(data_dir), 12_000, 2_000)


def angle(data_dir: Path | None = None) -> Task:
    """Return the task of the angle by which digits of 28x28 are turned, made of MNIST."""
    return _angle("angle", load_mnist(data_dir), 12_000, 2_000)


def several_small() -> Task:
    """Return the task of the digits in pictures of 16x16."""
    return _several("several_small", load_digits(), 3_000, 500)


def angle_small() -> Task:
    """Return the task of the angle by which digits of 8x8 are turned."""
    return _angle("angle_small", load_digits(), 3_000, 500)


def _several(name: str, digits: Task, train: int, test: int) -> Task:
    return Task.from_arrays(
        name,
        in_fields(digits.train, train, seed=0),
        lambda: in_fields(digits.test.open(lambda: None), test, seed=1),
        target="labels",
        class_names="0123456789",
        note="which digits lie in four fields, some of them empty",
    )


def _angle(name: str, digits: Task, train: int, test: int) -> Task:
    return Task.from_arrays(
        name,
        turned(digits.train, train, seed=0),
        lambda: turned(digits.test.open(lambda: None), test, seed=1),
        target="numbers",
        class_names=["angle"],
        note=f"the angle by which a digit is turned, in units of {WIDEST:g} degrees",
    )


def in_fields(digits: ImageSet, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return pictures of 2x2 fields, uint8, and which digits occur, 0 or 1 ``(count, 10)``."""
    stream = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(digits), (count, 4), generator=stream)
    shown = torch.rand(count, 4, generator=stream) >= EMPTY
    pixels = digits.images.float()
    if pixels.shape[-1] >= 28:  # two digits side by side are as wide as one of MNIST
        pixels = F.avg_pool2d(pixels, 2)
    fields = pixels[rows][:, :, 0] * shown[:, :, None, None]  # (count, 4, side, side)
    upper, lower = (torch.cat((fields[:, i], fields[:, i + 1]), dim=2) for i in (0, 2))
    labels = torch.zeros(count, 10)
    for place in range(4):
        some = shown[:, place]
        labels[some, digits.labels[rows[some, place]]] = 1
    return torch.cat((upper, lower), dim=1)[:, None].round().byte(), labels


def turned(digits: ImageSet, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return turned digits, uint8, and their angles from -1 to 1, shape ``(count, 1)``."""
    stream = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(digits), (count,), generator=stream)
    angles = 2 * torch.rand(count, generator=stream) - 1
    turns = angles * math.radians(WIDEST)
    zero = torch.zeros(count)
    matrix = torch.stack(
        (turns.cos(), -turns.sin(), zero, turns.sin(), turns.cos(), zero), dim=1
    ).view(count, 2, 3)
    images = digits.images[rows].float()
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    pixels = F.grid_sample(images, grid, align_corners=False)
    return pixels.round().clamp(0, 255).byte(), angles[:, None]
