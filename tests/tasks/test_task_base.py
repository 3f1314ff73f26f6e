from __future__ import annotations

import pytest
import torch

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task


def numbered(n: int) -> ImageSet:
    """The first pixel numbers the image."""
    images = torch.zeros(n, 1, 4, 4, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(n, dtype=torch.uint8)
    return ImageSet(images, torch.arange(n) % 4)


def make(events: list[str]) -> Task:
    def load_test() -> ImageSet:
        events.append("read")
        return numbered(5)

    return Task(
        "toy",
        DataSpec(1, 4, 4, 4),
        numbered(40),
        Augmentation((0.5,), (0.5,)),
        SealedTest(load_test),
    )


def test_every_opening_is_counted_before_anything_is_read() -> None:
    events: list[str] = []
    task = make(events)
    for _ in range(2):
        assert len(task.open_test(lambda: events.append("counted"))) == 5
    assert events == ["counted", "read"] * 2


def test_an_opening_that_cannot_be_counted_opens_nothing() -> None:
    def refuse() -> None:
        raise OSError("disk full")

    events: list[str] = []
    with pytest.raises(OSError, match="disk full"):
        make(events).open_test(refuse)
    assert events == []


def test_the_search_split_takes_training_images_only() -> None:
    events: list[str] = []
    train, val = make(events).search_split(seed=3, val_fraction=0.25)
    numbers = [part.images[:, 0, 0, 0].tolist() for part in (train, val)]
    assert sorted(numbers[0] + numbers[1]) == list(range(40))
    assert len(val) == 10
    assert set(torch.bincount(val.labels).tolist()) == {2, 3}  # 2.5 of 10
    for part in (train, val):
        assert torch.equal(part.labels, part.images[:, 0, 0, 0].long() % 4)
    assert events == []


def test_a_wrong_fraction_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="--val-fraction 1"):
        make([]).search_split(0, 1)


def test_a_task_prints_short() -> None:
    assert len(repr(make([]))) < 300


def test_images_must_fit_the_spec() -> None:
    with pytest.raises(ValueError, match="its spec says"):
        Task(
            "toy",
            DataSpec(3, 4, 4, 4),
            numbered(4),
            Augmentation((0.5,), (0.5,)),
            SealedTest(lambda: numbered(1)),
        )
