"""The conformance suite of tasks itself: it finds what broken tasks do wrong."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task
from nasbench.testing.tasks import TaskSuite

CLASSES = 3


def arrays(seed, n):
    stream = np.random.default_rng(seed)
    return stream.integers(0, 256, (n, 2, 5, 6), np.uint8), np.arange(n) % CLASSES


def load_good(data_dir=None, download=True, kind=Task):
    pairs = np.arange(60) // 6 * 3 + np.arange(60) % CLASSES  # two images of a class each
    return kind.from_arrays("good", arrays(0, 60), lambda: arrays(1, 12), groups=pairs)


class TestGood(TaskSuite):
    """A task from arrays passes."""

    load = staticmethod(load_good)
    bundled = True


def relabelled(task, change):
    labels = change(task.train.labels.clone())
    return replace(task, train=ImageSet(task.train.images, labels, task.train.groups))


def label_out_of_range(task):
    return relabelled(task, lambda labels: labels + 1)


def negative_label(task):
    return relabelled(task, lambda labels: labels - 1)


def empty_class(task):
    return replace(task, spec=DataSpec(2, 5, 6, CLASSES + 1))


def not_finite(task):
    images = task.train.images.float()
    images[3, 0, 0, 0] = float("nan")
    return replace(task, train=ImageSet(images, task.train.labels))


def wrong_units(task):
    return replace(task, augmentation=Augmentation((127.0, 127.0), (70.0, 70.0)))


def wrong_channels(task):
    return replace(task, augmentation=Augmentation((0.5,), (0.3,)))


def two_labels_in_a_group(task):
    groups = torch.zeros_like(task.train.labels)
    return replace(task, train=ImageSet(task.train.images, task.train.labels, groups))


def leaking_test(task):
    return replace(task, test=SealedTest(lambda: task.train.subset(torch.arange(9))))


def wrong_test_labels(task):
    test = task.open_test(lambda: None)
    return replace(task, test=SealedTest(lambda: ImageSet(test.images, test.labels + 1)))


def other_test_shape(task):
    test = task.open_test(lambda: None)
    return replace(task, test=SealedTest(lambda: ImageSet(test.images[:, :1], test.labels)))


def changing_test(task):
    seeds = iter(range(5, 100))

    def load():
        return ImageSet(*map(torch.as_tensor, arrays(next(seeds), 9)))

    return replace(task, test=SealedTest(load))


class Uncounted(Task):
    def open_test(self, on_open):
        return self.test.open(lambda: None)


class CountedLate(Task):
    def open_test(self, on_open):
        found = self.test.open(lambda: None)
        with suppress(OSError):
            on_open()
        return found


class Unsealed(Task):
    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "held_out", self.open_test(lambda: None))


class SplitsOnTheTest(Task):
    def search_split(self, seed, val_fraction):
        return self.train, self.open_test(lambda: None)


class Overlaps(Task):
    def search_split(self, seed, val_fraction):
        return self.train, super().search_split(seed, val_fraction)[1]


class Loses(Task):
    def search_split(self, seed, val_fraction):
        rest, held = super().search_split(seed, val_fraction)
        return rest.subset(torch.arange(len(rest) - 1)), held


class Unstratified(Task):
    def search_split(self, seed, val_fraction):
        order = self.train.labels.argsort(stable=True)
        return self.train.subset(order[15:]), self.train.subset(order[:15])


class SeparatesGroups(Task):
    def search_split(self, seed, val_fraction):
        order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
        return self.train.subset(order[15:]), self.train.subset(order[:15])


class IgnoresSeed(Task):
    def search_split(self, seed, val_fraction):
        return super().search_split(0, val_fraction)


class GlobalStream(Task):
    def search_split(self, seed, val_fraction):
        return super().search_split(int(torch.randint(10**6, ())), val_fraction)


class AnyFraction(Task):
    def search_split(self, seed, val_fraction):
        return super().search_split(seed, min(max(val_fraction, 0.1), 0.9))


class Restless(Augmentation):
    def apply(self, images, draws):
        return super().apply(images, draws) + torch.rand(())


class Shrinks(Augmentation):
    def apply(self, images, draws):
        return super().apply(images, draws)[:, :, 1:]


class InPlace(Augmentation):
    def apply(self, images, draws):
        found = super().apply(images, draws)
        images.zero_()
        return found


def augmented(kind):
    def change(task):
        return replace(task, augmentation=kind(task.augmentation.mean, task.augmentation.std))

    change.__name__ = kind.__name__
    return change


def of_kind(kind):
    def change(task):
        return load_good(kind=kind)

    change.__name__ = kind.__name__
    return change


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (label_out_of_range, "test_the_spec_agrees_with_the_data"),
        (negative_label, "test_the_spec_agrees_with_the_data"),
        (empty_class, "test_the_spec_agrees_with_the_data"),
        (not_finite, "test_the_spec_agrees_with_the_data"),
        (wrong_units, "test_the_normalisation_fits_the_data"),
        (wrong_channels, "test_the_normalisation_fits_the_data"),
        (of_kind(SplitsOnTheTest), "test_the_search_split_is_a_partition"),
        (of_kind(Overlaps), "test_the_search_split_is_a_partition"),
        (of_kind(Loses), "test_the_search_split_is_a_partition"),
        (of_kind(Unstratified), "test_the_search_split_is_stratified"),
        (of_kind(SeparatesGroups), "test_groups_are_not_separated"),
        (of_kind(Overlaps), "test_groups_are_not_separated"),
        (two_labels_in_a_group, "test_groups_are_not_separated"),
        (of_kind(IgnoresSeed), "test_the_seed_alone_decides_the_search_split"),
        (of_kind(GlobalStream), "test_the_seed_alone_decides_the_search_split"),
        (of_kind(AnyFraction), "test_a_wrong_fraction_is_a_user_error"),
        (of_kind(Uncounted), "test_every_opening_of_the_test_set_is_counted"),
        (of_kind(CountedLate), "test_every_opening_of_the_test_set_is_counted"),
        (of_kind(Unsealed), "test_every_opening_of_the_test_set_is_counted"),
        (of_kind(SplitsOnTheTest), "test_a_split_leaves_the_test_set_sealed"),
        (leaking_test, "test_the_test_set_fits_and_does_not_leak"),
        (wrong_test_labels, "test_the_test_set_fits_and_does_not_leak"),
        (other_test_shape, "test_the_test_set_fits_and_does_not_leak"),
        (changing_test, "test_the_test_set_fits_and_does_not_leak"),
        (augmented(Restless), "test_augmentation_is_a_function_of_its_generator"),
        (augmented(Shrinks), "test_augmentation_is_a_function_of_its_generator"),
        (augmented(InPlace), "test_augmentation_is_a_function_of_its_generator"),
    ],
)
def test_the_suite_catches(broken, test, monkeypatch):
    more = (monkeypatch,) if test == "test_a_split_leaves_the_test_set_sealed" else ()
    with pytest.raises((AssertionError, ValueError, UserError, pytest.fail.Exception)):
        getattr(TaskSuite(), test)(broken(load_good()), *more)


def load_by_process(data_dir=None, download=True):
    return replace(load_good(), name=str(os.getpid()))


def load_wordy(data_dir=None, download=True):
    raise UserError("the files are missing:\nput them somewhere")


def load_downloads(data_dir=None, download=True):
    (data_dir / "downloaded").touch()
    return load_good()


@pytest.mark.parametrize("load", [load_wordy, load_downloads])
def test_the_suite_catches_a_loader(load, tmp_path):
    suite = type("Suite", (TaskSuite,), {"load": staticmethod(load)})
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        suite().test_missing_data_is_reported_in_one_line(tmp_path)


def test_the_suite_catches_a_task_that_depends_on_the_process():
    suite = type("Suite", (TaskSuite,), {"load": staticmethod(load_by_process)})
    with pytest.raises(AssertionError):
        suite().test_a_fresh_process_loads_the_same(load_good(), None)


def test_missing_data_fails_only_where_the_data_is_bundled():
    def run(bundled):
        suite = type("Suite", (TaskSuite,), {"load": staticmethod(load_wordy), "bundled": bundled})
        return TaskSuite.task.__wrapped__(suite(), None)

    with pytest.raises(pytest.skip.Exception, match="the data is missing"):
        run(bundled=False)
    with pytest.raises(UserError):
        run(bundled=True)
