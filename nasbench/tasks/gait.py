"""Who walks? Event images of walking persons, as ``nasbench data gait`` makes them.

The set is DVS128-Gait (Wang et al., EV-Gait, CVPR 2019), or any other laid out like it: one class
for each person, one image or several for each walk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.data.split import stratified_split
from nasbench.errors import UserError
from nasbench.events.hdf5_reader import Contents, StoredImage, read_contents, read_pixels
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import Task
from nasbench.tasks.gait_files import locate

#: Of the split of a file without splits; fixed for good, as a run's seed must not move the test
#: images of one run among the training images of another.
TEST_SEED = 128
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Part:
    """The training or the test images: some of the images of a file."""

    file: Contents
    images: tuple[StoredImage, ...]

    def load(self) -> ImageSet:
        """Read them; a class is a person, a group a walk."""
        label = _labels(self.file)
        walks: dict[tuple[str, str], int] = {}
        groups = [walks.setdefault((one.person, one.walk), len(walks)) for one in self.images]
        return ImageSet(
            torch.from_numpy(read_pixels(self.file, self.images)),
            torch.tensor([label[one.person] for one in self.images]),
            torch.tensor(groups),
        )


def load_gait(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return the gait task from ``gait-train.h5`` and ``gait-test.h5``, or from ``gait.h5``.

    Of the latter a fifth of each person's walks, always the same, are the test set. The test
    set's file is opened for its names and shapes; its images are not read.

    Args:
        data_dir: the only folder to look in, or one of the files; None for the usual folders.
        download: not needed, nothing can be downloaded.

    Raises:
        UserError: the files are missing, are no such files, do not fit to each other, or hold
            made-up walkers.
    """
    del download
    files = [read_contents(path) for path in locate(data_dir)]
    for file in files:
        if file.synthetic:
            raise UserError(
                f"gait: {file.path} holds made-up walkers: "
                f"--task gait-synthetic --data-dir {file.path} is allowed"
            )
    return gait_task("gait", files, "event images of walking persons")


def gait_task(name: str, files: Sequence[Contents], note: str) -> Task:
    """Return a task of event images.

    Args:
        name: the task's.
        files: those of training and of test, or one with both.
        note: what the images are.

    Raises:
        UserError: an image cannot be read, a person has too few walks, or the files disagree.
    """
    train, test = _pair(*files) if len(files) == 2 else _cut(files[0])
    data = train.load()
    mean, std = statistics(data.images)
    return Task(
        name=name,
        spec=DataSpec(*train.file.shape, len(train.file.persons)),
        train=data,
        augmentation=Augmentation(mean, std),  # neither crop nor flip: the gait would be another
        _load_test=test.load,
        note=f"{note}; {'split as given' if len(files) == 2 else 'fixed split by walks'}",
    )


def statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each channel of ``(n, c, h, w)`` floats, for normalisation.

    A channel that is the same everywhere counts with the deviation 1.
    """
    pairs = [torch.std_mean(channel.double(), correction=0) for channel in images.unbind(1)]
    return tuple(float(mean) for _, mean in pairs), tuple(float(std) or 1.0 for std, _ in pairs)


def _pair(train: Contents, test: Contents) -> tuple[Part, Part]:
    """Return both files as parts, after a look at whether they fit."""
    if train.persons != test.persons:
        alone = "; ".join((*_alone(train, test), *_alone(test, train)))
        raise UserError(
            f"{train.path} and {test.path} disagree: {alone}; the same persons are allowed"
        )
    for what, ours, theirs in (
        ("images of shape", train.shape, test.shape),
        ("channels", train.channels, test.channels),
    ):
        if ours != theirs:
            raise UserError(
                f"{train.path} and {test.path} disagree: {what} {_short(ours)} and "
                f"{_short(theirs)}; the same is allowed"
            )
    _check_walks(train, 2)
    return Part(train, train.images), Part(test, test.images)


def _alone(file: Contents, other: Contents) -> list[str]:
    """Return the persons that only ``file`` has, in a list of one; an empty list without any."""
    known = set(other.persons)
    alone = tuple(person for person in file.persons if person not in known)
    return [f"only {file.path.name} has person {_short(alone)}"] if alone else []


def _cut(file: Contents) -> tuple[Part, Part]:
    """Cut the walks of one file into training and test."""
    _check_walks(file, 3)
    walks, label = file.walks, _labels(file)
    labels = torch.tensor([label[person] for person, _ in walks])
    held = {walks[at] for at in stratified_split(labels, TEST_SHARE, TEST_SEED)[1].tolist()}
    chosen = partial(_of_walks, file, held)
    return Part(file, chosen(False)), Part(file, chosen(True))


def _labels(file: Contents) -> dict[str, int]:
    """Return the class of each person."""
    return {person: number for number, person in enumerate(file.persons)}


def _of_walks(
    file: Contents, walks: set[tuple[str, str]], inside: bool
) -> tuple[StoredImage, ...]:
    return tuple(one for one in file.images if ((one.person, one.walk) in walks) is inside)


def _check_walks(file: Contents, least: int) -> None:
    """Raise where a person has too few walks to train on and to validate on."""
    for person, walks in Counter(person for person, _ in file.walks).items():
        if walks < least:
            raise UserError(
                f"{file.path}: person {person} has too few walks, {walks}: at least {least}"
            )


def _short(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
