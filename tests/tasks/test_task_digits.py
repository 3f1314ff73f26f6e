from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits as original

from nasbench.data.images import ImageSet
from nasbench.tasks.base import Task
from nasbench.tasks.digits import load_digits

# Written down once: a record made today must stay comparable.
LABEL_SUM = 4_622_377


@pytest.fixture(scope="module")
def task() -> Task:
    return load_digits()


@pytest.fixture(scope="module")
def test_set(task: Task) -> ImageSet:
    return task.open_test(lambda: None)


def test_counts(task: Task, test_set: ImageSet) -> None:
    assert (len(task.train), len(test_set)) == (1437, 360)
    assert task.spec.shape == (1, 8, 8)
    whole = torch.bincount(torch.from_numpy(original().target))
    for part, share in ((task.train, 1437 / 1797), (test_set, 360 / 1797)):
        counts = torch.bincount(part.labels)
        assert (counts - whole * share).abs().max() <= 1


def test_both_parts_are_the_original_images(task: Task, test_set: ImageSet) -> None:
    both = ImageSet.concat(task.train, test_set)
    values = (both.images.double() * 16 / 255).round().long().view(-1, 64)
    got = sorted(
        [label, *row] for label, row in zip(both.labels.tolist(), values.tolist(), strict=True)
    )
    source = original()
    expected = sorted(
        [int(label), *map(int, row)] for label, row in zip(source.target, source.data, strict=True)
    )
    assert got == expected


def test_no_image_stands_in_both_parts(task: Task, test_set: ImageSet) -> None:
    train = {bytes(row) for row in task.train.images.view(-1, 64).tolist()}
    assert not train & {bytes(row) for row in test_set.images.view(-1, 64).tolist()}


def test_the_split_never_changes(task: Task) -> None:
    again = load_digits()
    assert torch.equal(again.train.images, task.train.images)
    weights = torch.arange(1437)
    assert int((task.train.labels * weights).sum()) == LABEL_SUM


def test_the_normalisation_fits_the_training_images(task: Task) -> None:
    plain = task.augmentation.plain(task.train.images)
    assert abs(float(plain.mean())) < 1e-3
    assert abs(float(plain.std()) - 1) < 1e-3
    assert (task.augmentation.crop_padding, task.augmentation.flip) == (1, False)
