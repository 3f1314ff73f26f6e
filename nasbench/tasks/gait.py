"""Gait recognition: event images of walking persons, made by ``nasbench data gait``.

The data set is DVS128-Gait (Wang et al., EV-Gait, CVPR 2019), or any other with its layout: one
class for each person, and one or several images for each walk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet, channel_statistics
from nasbench.data.split import stratified_split
from nasbench.errors import UserError
from nasbench.events.hdf5_reader import Contents, StoredImage, read_contents, read_pixels
from nasbench.space.spec import DataSpec
from nasbench.tasks.base import SealedTest, Task
from nasbench.tasks.event_files import locate_gait

#: Seed of the test split of a single file. It is fixed, as a run's seed must not move the test
#: images of one run to the training images of another.
TEST_SEED = 128
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Part:
    """Some of the images of a file: the training or the test images."""

    file: Contents
    images: tuple[StoredImage, ...]

    def load(self) -> ImageSet:
        """Read the images; a class is a person, and a group is a walk."""
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

    The test set of the latter is a fixed fifth of each person's walks. Only names and shapes of
    the test images are read before the test set is opened.

    Args:
        data_dir: the only folder to look in, or one of the files; ``None`` for the usual folders.
        download: ignored, the files cannot be downloaded.

    Raises:
        UserError: the files are missing, have another layout, disagree, or hold synthetic
            walkers.
    """
    del download
    files = [read_contents(path) for path in locate_gait(data_dir)]
    for file in files:
        if file.synthetic:
            raise UserError(
                f"gait: {file.path} holds synthetic walkers: "
                f"use --task gait-synthetic --data-dir {file.path}"
            )
    return gait_task("gait", files, "event images of walking persons")


def gait_task(name: str, files: Sequence[Contents], note: str) -> Task:
    """Return a task of event images.

    Args:
        name: name of the task.
        files: the training and the test file, or one file with both.
        note: what the images show.

    Raises:
        UserError: an image cannot be read, a person has too few walks, or the files disagree.
    """
    train, test = _pair(*files) if len(files) == 2 else _cut(files[0])
    data = train.load()
    mean, std = channel_statistics(data.images)
    return Task(
        name=name,
        spec=DataSpec(*train.file.shape, len(train.file.persons)),
        train=data,
        augmentation=Augmentation(mean, std),  # neither crop nor flip, which would change the gait
        test=SealedTest(test.load),
        note=f"{note}; {'split as given' if len(files) == 2 else 'fixed split by walks'}",
    )


def _pair(train: Contents, test: Contents) -> tuple[Part, Part]:
    """Return both files as parts, after checking that they agree."""
    if train.persons != test.persons:
        alone = "; ".join((*_alone(train, test), *_alone(test, train)))
        raise UserError(
            f"{train.path} and {test.path} disagree: {alone}; they must have the same persons"
        )
    for what, ours, theirs in (
        ("images of shape", train.shape, test.shape),
        ("channels", train.channels, test.channels),
    ):
        if ours != theirs:
            raise UserError(
                f"{train.path} and {test.path} disagree: {what} {_short(ours)} and "
                f"{_short(theirs)}; they must be the same"
            )
    _check_walks(train, 2)
    return Part(train, train.images), Part(test, test.images)


def _alone(file: Contents, other: Contents) -> list[str]:
    """Return a list with one text naming the persons that only ``file`` has, or an empty list."""
    known = set(other.persons)
    alone = tuple(person for person in file.persons if person not in known)
    return [f"only {file.path.name} has person {_short(alone)}"] if alone else []


def _cut(file: Contents) -> tuple[Part, Part]:
    """Split the walks of one file into training and test."""
    _check_walks(file, 3)
    walks, label = file.walks, _labels(file)
    labels = torch.tensor([label[person] for person, _ in walks])
    held = {walks[at] for at in stratified_split(labels, TEST_SHARE, TEST_SEED)[1].tolist()}
    train, test = (
        tuple(one for one in file.images if ((one.person, one.walk) in held) is inside)
        for inside in (False, True)
    )
    return Part(file, train), Part(file, test)


def _labels(file: Contents) -> dict[str, int]:
    """Return the class of each person."""
    return {person: number for number, person in enumerate(file.persons)}


def _check_walks(file: Contents, least: int) -> None:
    """Check that each person has enough walks to train and validate on."""
    for person, walks in Counter(person for person, _ in file.walks).items():
        if walks < least:
            raise UserError(
                f"{file.path}: person {person} has {walks} walks: must have at least {least}"
            )


def _short(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
