"""The conformance suite of tasks: what every task guarantees to searches and retrainings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.tasks.base import Task
from nasbench.testing.fresh_process import in_fresh_process

SEED = 3
FRACTION = 0.25
BATCH = 16


class TaskSuite:
    """Inherit from it to test a task.

    Example:
        >>> class TestMine(TaskSuite):
        ...     load = staticmethod(load_mine)

    Attributes:
        load: the task's loader, a function at the top level of a module that takes ``data_dir``
            and ``download``.
        bundled: whether the data needs no files. Otherwise the tests are skipped where the files
            are missing, and the reason is printed.
        duplicates: share of the test images, 0 to 1, that may also be training images.
    """

    load: ClassVar[Callable[..., Task]]
    bundled: ClassVar[bool] = False
    duplicates: ClassVar[float] = 0.01

    @pytest.fixture
    def data_dir(self) -> Path | None:
        """The loader's ``data_dir``; override it to test on files that a fixture writes."""
        return None

    @pytest.fixture
    def task(self, data_dir: Path | None) -> Task:
        """The task under test."""
        try:
            return _loaded(type(self).load, data_dir)
        except UserError as error:
            if self.bundled:
                raise
            pytest.skip(f"the data is missing: {error}")

    def test_missing_data_is_reported_in_one_line(self, tmp_path: Path) -> None:
        """Without its files the loader raises one short ``UserError`` and downloads nothing.

        A loader that needs no files may refuse the folder.
        """
        if self.bundled:
            with suppress(UserError):
                assert isinstance(type(self).load(data_dir=tmp_path, download=False), Task)
        else:
            with pytest.raises(UserError) as error:
                type(self).load(data_dir=tmp_path, download=False)
            assert "\n" not in str(error.value)
            assert len(str(error.value)) <= 500
        assert not list(tmp_path.iterdir())

    def test_the_spec_agrees_with_the_data(self, task: Task) -> None:
        """Shape, dtype, range and labels of the training images are those of the spec."""
        assert task.name
        assert "\n" not in task.note
        _check_images(task, task.train)
        assert task.train.device.type == "cpu"
        if task.target == "class":
            counts = torch.bincount(task.train.labels, minlength=task.spec.classes)
            assert counts.min() > 0, f"class {int(counts.argmin())} has no training images"

    def test_the_normalisation_fits_the_data(self, task: Task) -> None:
        """Normalized training images have mean 0 and deviation 1, roughly; constant ones 0.

        Tokens are left as they are, and so are examples without statistics.
        """
        step = max(1, len(task.train) // 4096)  # a sample over all classes
        drawn = task.train.take(torch.arange(0, len(task.train), step))
        plain = task.augmentation.plain(drawn)
        if task.spec.vocabulary or not task.augmentation.mean:
            assert torch.equal(plain, drawn)
            return
        assert len(task.augmentation.mean) == task.spec.shape[0]
        assert plain.dtype == torch.float32
        others = [0, *range(2, plain.dim())]
        std, mean = torch.std_mean(plain.double(), dim=others, correction=0)
        assert (mean.abs() < 0.2).all(), f"means {mean.tolist()}"
        assert ((std - 1).abs() < 0.2).logical_or(std < 1e-6).all(), f"deviations {std.tolist()}"

    def test_the_search_split_is_a_partition(self, task: Task) -> None:
        """Each training image, with its label, is in exactly one part."""
        parts = task.search_split(SEED, FRACTION)
        assert all(len(part) for part in parts)
        found = [row for part in parts for row in _rows(part)]
        assert sorted(found) == sorted(_rows(task.train))

    def test_the_search_split_is_stratified(self, task: Task) -> None:
        """The share of each class, or of its groups, is exact to within one."""
        if task.target != "class":
            pytest.skip(f"the task predicts {task.target}")
        _, held = task.search_split(SEED, FRACTION)
        whole = _units(task.train, task.spec.classes)
        found = _units(held, task.spec.classes)
        assert ((found - whole * FRACTION).abs() <= 1).all(), f"{found} of {whole}"

    def test_groups_are_not_separated(self, task: Task) -> None:
        """Images that belong together, such as frames of one recording, are in one part."""
        rest, held = task.search_split(SEED, FRACTION)
        if task.train.groups is None:
            assert rest.groups is None
            assert held.groups is None
            return
        assert rest.groups is not None
        assert held.groups is not None
        assert not set(rest.groups.tolist()) & set(held.groups.tolist())
        if task.target != "class":
            return
        pairs = set(zip(task.train.groups.tolist(), task.train.labels.tolist(), strict=True))
        assert len(pairs) == len(set(task.train.groups.tolist())), "a group with two labels"

    def test_the_seed_alone_decides_the_search_split(self, task: Task) -> None:
        """The same seed gives the same split; another seed, or a random stream, another one."""
        torch.manual_seed(0)
        first = [_digest(part) for part in task.search_split(SEED, FRACTION)]
        state = torch.get_rng_state()
        torch.rand(3)
        assert [_digest(part) for part in task.search_split(SEED, FRACTION)] == first
        others = [_digest(task.search_split(seed, FRACTION)[1]) for seed in range(10, 14)]
        assert set(others) - {first[1]}, "the seed has no effect"
        torch.manual_seed(0)
        task.search_split(SEED, FRACTION)
        assert torch.equal(torch.get_rng_state(), state), "a split moves the global random stream"

    def test_a_wrong_fraction_is_a_user_error(self, task: Task) -> None:
        """Shares outside 0 to 1 are refused in one line."""
        for fraction in (0.0, 1.0, -0.5, 2.0):
            with pytest.raises(UserError) as error:
                task.search_split(SEED, fraction)
            assert "\n" not in str(error.value)

    def test_every_opening_of_the_test_set_is_counted(self, task: Task) -> None:
        """An opening is recorded before it happens, and one that cannot be recorded fails."""
        openings: list[str] = []

        def refuse() -> None:
            raise OSError("cannot be recorded")

        for count in (1, 2):
            test = task.open_test(lambda: openings.append("opened"))
            assert len(openings) == count
            assert len(test)
        with pytest.raises(OSError, match="cannot be recorded"):
            task.open_test(refuse)
        assert len(openings) == 2
        in_reach = [name for name, value in vars(task).items() if isinstance(value, ImageSet)]
        assert in_reach == ["train"], "an attribute holds images beside the training set"

    def test_a_split_leaves_the_test_set_sealed(
        self, task: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither loading nor splitting nor augmenting opens the test set."""
        openings: list[str] = []
        monkeypatch.setattr(type(task.test), "open", lambda *_: openings.append("opened"))
        parts = task.search_split(SEED, FRACTION)
        task.augmentation.plain(parts[0].take(slice(0, BATCH)))
        assert not openings

    def test_the_test_set_fits_and_does_not_leak(self, task: Task) -> None:
        """Test images agree with the spec, are the same each time, and are not trained on."""
        test = task.open_test(lambda: None)
        _check_images(task, test)
        assert _digest(task.open_test(lambda: None)) == _digest(test)
        trained = set(_rows(task.train, labels=False))
        seen = [row in trained for row in _rows(test, labels=False)]
        assert sum(seen) / len(seen) <= self.duplicates, f"{sum(seen)} test images in training"

    def test_augmentation_is_a_function_of_its_generator(self, task: Task) -> None:
        """The same generator gives the same batch, of the images' shape, whatever came before."""
        images = task.train.take(slice(0, BATCH))
        n = len(images)
        before = images.clone()

        def augmented(seed: int) -> Tensor:
            stream = torch.Generator().manual_seed(seed)
            draws = task.augmentation.draw(n, task.spec.shape, stream)
            return task.augmentation.apply(images, draws)

        first = augmented(1)
        assert first.shape == images.shape
        assert first.dtype == (torch.int64 if task.spec.vocabulary else torch.float32)
        assert torch.isfinite(first).all()
        torch.rand(3)
        assert torch.equal(augmented(1), first)
        assert torch.equal(images, before), "the images are changed in place"
        if task.augmentation.flip or task.augmentation.crop_padding:
            assert any(not torch.equal(augmented(seed), first) for seed in range(2, 12))

    def test_a_fresh_process_loads_the_same(self, task: Task, data_dir: Path | None) -> None:
        """Images, labels, splits and test set do not depend on the process."""
        assert in_fresh_process(loaded_digest, type(self).load, data_dir) == task_digest(task)


def loaded_digest(load: Callable[..., Task], data_dir: Path | None) -> str:
    """Return the digest of a task that is loaded here."""
    return task_digest(load(data_dir=data_dir, download=False))


def task_digest(task: Task) -> str:
    """Return a digest of a task's training images, search split, test set and augmentation."""
    parts = (task.train, *task.search_split(SEED, FRACTION), task.open_test(lambda: None))
    return " ".join([*map(_digest, parts), str((task.name, task.spec, task.augmentation))])


@lru_cache(maxsize=1)  # the tests of one class follow each other
def _loaded(load: Callable[..., Task], data_dir: Path | None) -> Task:
    return load(data_dir=data_dir, download=False)


def _check_images(task: Task, images: ImageSet) -> None:
    """Check the shape, dtype and range of examples ``(n, *shape)`` and of their labels."""
    assert len(images) > 0
    assert images.shape == task.spec.shape
    stored = images.take(slice(None))
    if task.spec.vocabulary:
        assert stored.dtype == torch.int64
        assert 0 <= int(stored.min()) <= int(stored.max()) < task.spec.vocabulary
    else:
        assert stored.dtype in (torch.uint8, torch.float32)
        assert torch.isfinite(stored).all()
    if task.target != "class":
        assert images.labels.shape == (len(images), task.spec.outputs)
        assert torch.isfinite(images.labels).all()
        return
    assert int(images.labels.min()) >= 0
    assert int(images.labels.max()) < task.spec.classes, "a label is out of range"


def _units(images: ImageSet, classes: int) -> Tensor:
    """Return the number of images of each class, or of groups if the images have groups."""
    labels = images.labels
    if images.groups is not None:
        pairs = set(zip(images.groups.tolist(), labels.tolist(), strict=True))
        labels = torch.tensor([label for _, label in pairs])
    return torch.bincount(labels, minlength=classes)


def _rows(images: ImageSet, labels: bool = True) -> Iterator[bytes]:
    """Yield a digest of each image, with its label by default."""
    pixels = images.take(slice(None)).contiguous().numpy()
    for row, label in zip(pixels, images.labels.tolist(), strict=True):
        yield hashlib.blake2b(
            row.tobytes() + (str(label).encode() if labels else b""), digest_size=16
        ).digest()


def _digest(images: ImageSet) -> str:
    """Return a digest of all tensors."""
    found = hashlib.blake2b(digest_size=16)
    for tensor in (images.take(slice(None)), images.labels, images.groups):
        if tensor is not None:
            found.update(str((tensor.dtype, tuple(tensor.shape))).encode())
            found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()
