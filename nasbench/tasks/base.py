"""The task: labelled examples, what is predicted and how it is judged, a sealed test set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet, channel_statistics
from nasbench.data.preprocessing import Preprocessing
from nasbench.data.split import without
from nasbench.measures import DEFAULT_LOSS, LEADING
from nasbench.space.spec import DataSpec
from nasbench.training import losses
from nasbench.training.losses import CROSS_ENTROPY, Loss
from nasbench.training.metrics import ACCURACY, METRICS, Metric

Array = NDArray[Any] | Tensor


class SealedTest:
    """A test set that can only be read by a counted opening.

    A choice made with knowledge of the test set makes its accuracy worthless, so a run records
    every opening, and :meth:`open` is the only way in.

    Args:
        load: reads the test set; called at each opening, never before.
    """

    def __init__(self, load: Callable[[], ImageSet]) -> None:
        self._load = load

    def open(self, on_open: Callable[[], None]) -> ImageSet:
        """Return the test set after calling ``on_open``, which records the opening."""
        on_open()
        return self._load()


@dataclass(frozen=True, eq=False)
class Task:
    """Examples, what is predicted of them, and a sealed test set.

    Attributes:
        name: name of the task.
        spec: shape of an example, and number of outputs.
        train: all training examples, on the CPU.
        augmentation: normalization and random augmentation of training batches.
        test: the test set.
        note: where the data comes from, in one line.
        whole: the fingerprint of the task that this one is a part of, ``""`` if it is whole.
        loss: what a training minimizes; it also says what is predicted.
        metric: the leading metric, by which searches, tunings and the test judge.
        also: further metrics, recorded beside it.
        class_names: names of the outputs in order, ``()`` if they have none.
        held_out: int64, sorted rows of ``train`` that the user set apart for validation, or
            ``None``. A search then validates on them, whatever its fraction.

    Raises:
        ValueError: the examples do not have the shape of the spec, or their targets do not fit
            the loss.

    Example:
        >>> def load_mine(data_dir=None, download=True):
        ...     train, test = ImageSet(images, labels), SealedTest(read_my_test_set)
        ...     return Task("mine", DataSpec(3, 32, 32, 10), train, Augmentation(MEAN, STD), test)
    """

    name: str
    spec: DataSpec
    train: ImageSet = field(repr=False)
    augmentation: Augmentation
    test: SealedTest = field(repr=False)
    note: str = ""
    whole: str = field(default="", repr=False)
    loss: Loss = field(default=CROSS_ENTROPY, repr=False)
    metric: Metric = ACCURACY
    also: tuple[Metric, ...] = field(default=(), repr=False)
    class_names: tuple[str, ...] = field(default=(), repr=False)
    held_out: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.train.shape != self.spec.shape:
            raise ValueError(
                f"task {self.name}: images are {self.train.shape}, "
                f"but its spec says {self.spec.shape}"
            )
        if (self.train.labels.dim() == 1) is not (self.target == "class"):
            raise ValueError(
                f"task {self.name}: targets are {self.train.labels.dtype} "
                f"{tuple(self.train.labels.shape)}, which the loss {self.loss.name} of the target "
                f"{self.target} does not take"
            )

    @property
    def target(self) -> str:
        """What is predicted: ``class``, ``labels`` or ``numbers``."""
        return self.loss.target

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How an example becomes an input, and what the outputs mean.

        It is ``None`` if a user's own augmentation normalizes in a way of its own.
        """
        how = self.augmentation
        if type(how).plain is not Augmentation.plain:
            return None
        return Preprocessing(
            task=self.name,
            shape=self.spec.shape,
            outputs=self.spec.outputs,
            dtype=str(self.train.images.dtype).removeprefix("torch."),
            mean=how.mean,
            std=how.std,
            target=self.target,
            class_names=self.class_names,
            vocabulary=self.spec.vocabulary,
        )

    def class_counts(self, examples: ImageSet) -> list[int]:
        """Return the number of examples of each class; an empty list for other targets."""
        if self.target != "class":
            return []
        counts: list[int] = examples.labels.bincount(minlength=self.spec.outputs).tolist()
        return counts

    def part(self, rows: Tensor) -> Task:
        """Return the task with some of its training examples; the test set stays.

        Args:
            rows: int64, sorted.
        """
        held_out = None
        if self.held_out is not None:
            held_out = torch.isin(rows, self.held_out).nonzero().flatten()
        train = self.train.subset(rows)
        return replace(self, train=train, whole=self.fingerprint, held_out=held_out)

    @classmethod
    def from_arrays(
        cls,
        name: str,
        train: tuple[Array, Array],
        test: tuple[Array, Array] | Callable[[], tuple[Array, Array]],
        *,
        groups: Array | None = None,
        classes: int | None = None,
        augmentation: Augmentation | None = None,
        note: str = "",
        vocabulary: int = 0,
        target: str = "class",
        class_names: Sequence[str] = (),
    ) -> Task:
        """Return a task made of arrays or tensors.

        Args:
            name: name of the task.
            train: examples ``(n, *shape)``, such as images ``(n, channels, height, width)``, uint8
                or floats, and integer labels ``(n,)`` from 0; or 0 and 1 ``(n, labels)``, or
                numbers ``(n, outputs)``.
            test: the same for the test set, or a function that reads them when it is opened.
            groups: integers ``(n,)``; training images with the same number, such as frames of one
                recording, are never separated by a split.
            classes: number of classes; by default the largest training label plus 1.
            augmentation: by default only the normalization by mean and deviation of each channel
                of the training images.
            note: where the data comes from, in one line.
            vocabulary: number of different tokens if the examples are token numbers ``(n,
                length)`` from 0; they are not normalized.
            target: what the labels are: ``class``, ``labels`` or ``numbers``. Loss and metric are
                the default ones of the target.
            class_names: names of the classes or outputs, in order.

        Raises:
            ValueError: a shape or dtype does not match, or a token is out of range.

        Example:
            >>> def load_mine(data_dir=None, download=True):
            ...     data = np.load("mine.npz")
            ...     train, test = (data["x"], data["y"]), (data["x_test"], data["y_test"])
            ...     return Task.from_arrays("mine", train, test)
        """

        def read(examples: Array, labels: Array, groups: Array | None = None) -> ImageSet:
            kept = _tokens(examples, vocabulary) if vocabulary else examples
            return _image_set(kept, labels, groups, single)

        single = target == "class"

        data = read(*train, groups)
        outputs = classes
        if outputs is None:
            outputs = int(data.labels.max()) + 1 if single else data.labels.shape[1]
        if augmentation is None:
            statistics = ((), ()) if vocabulary else channel_statistics(data.images)
            augmentation = Augmentation(*statistics)
        return cls(
            name=name,
            spec=DataSpec(*data.shape, outputs, vocabulary=vocabulary),
            train=data,
            augmentation=augmentation,
            test=SealedTest(lambda: read(*(test() if callable(test) else test))),
            note=note,
            loss=losses.loss(DEFAULT_LOSS[target], target),
            metric=METRICS[target][LEADING[target]],
            class_names=tuple(class_names),
        )

    @cached_property
    def fingerprint(self) -> str:
        """A digest of what a training sees: images, labels, groups, classes and augmentation.

        The numbers of the normalization count with four digits: their last ones depend on the
        number of threads. A task with fewer training images keeps the digest of the whole.
        """
        if self.whole:
            return self.whole
        how = self.augmentation
        numbers = " ".join(f"{number:.4g}" for number in (*how.mean, *how.std))
        drawn = f"{type(how).__qualname__} {how.crop_padding} {how.flip} {how.cutout}"
        text = f"{self.spec.classes} {drawn} {numbers} {self.train.fingerprint()}"
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def trained_labels(self) -> Tensor:
        """The targets of the training examples without those that the user set apart."""
        held_out = self._held_out()
        if held_out is None:
            return self.train.labels
        return self.train.labels[without(len(self.train), held_out)]

    def _held_out(self) -> Tensor | None:
        """Return the rows set apart for validation, if there are some, and others beside them."""
        held_out = self.held_out
        if held_out is None or not 0 < len(held_out) < len(self.train):
            return None
        return held_out

    def search_split(self, seed: int, val_fraction: float) -> tuple[ImageSet, ImageSet]:
        """Split the training images into those that a search trains on and validates on.

        A task with a validation set of its own is split into it and the rest.

        Args:
            seed: of the split.
            val_fraction: share of each class to validate on, between 0 and 1; of its groups if
                the images have groups.

        Raises:
            UserError: ``val_fraction`` is out of range.
        """
        held_out = self._held_out()
        if held_out is None:
            return self.train.split(val_fraction, seed)
        return self.train.subset(without(len(self.train), held_out)), self.train.subset(held_out)

    def open_test(self, on_open: Callable[[], None]) -> ImageSet:
        """Return the test set; only the final evaluation of a retrained network may call this.

        Args:
            on_open: records the opening; called before anything is read.
        """
        return self.test.open(on_open)


def _image_set(
    images: Array, labels: Array, groups: Array | None = None, single: bool = True
) -> ImageSet:
    """Return an image set, converting floats to float32 and integers to int64."""
    pixels = torch.as_tensor(images)
    return ImageSet(
        pixels.float() if pixels.is_floating_point() else pixels,
        _integers("labels", labels) if single else torch.as_tensor(labels).float(),
        None if groups is None else _integers("groups", groups),
    )


def _tokens(examples: Array, vocabulary: int) -> Tensor:
    """Return int64 tokens after a check of their range."""
    tokens = _integers("tokens", examples)
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < vocabulary:
        raise ValueError(
            f"tokens from {int(tokens.min())} to {int(tokens.max())}: "
            f"must be from 0 to {vocabulary - 1}"
        )
    return tokens


def _integers(name: str, values: Array) -> Tensor:
    numbers = torch.as_tensor(values)
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype is torch.bool:
        raise ValueError(f"{name} are {numbers.dtype}: must be integers")
    return numbers.long()
