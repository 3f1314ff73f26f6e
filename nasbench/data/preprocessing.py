"""What a network expects of its inputs and what its outputs mean: ``preprocessing.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from nasbench import plain_json
from nasbench.data.augment import Augmentation
from nasbench.errors import UserError

FORMAT = "nasbench-preprocessing/1"
FILE = "preprocessing.json"
"""The file's name in the run folder of a retraining, and beside an export."""

DTYPES = ("uint8", "float32", "int64")
TARGETS = ("class", "labels", "numbers")
RESAMPLINGS = ("bilinear",)
CROP = "center"
_LARGEST = 2**31


@dataclass(frozen=True)
class Preprocessing:
    """How an example becomes the input of a network, and what the outputs mean.

    A picture is decoded by :func:`nasbench.data.decoding.decode`: its middle square is resized to
    ``size``. It is then multiplied by ``scale``, and normalized with the mean and the deviation of
    each channel.

    Attributes:
        task: the name of the task that the network was trained on.
        shape: of one example, ``(channels, height, width)`` of an image.
        outputs: of the network.
        dtype: of the examples before the normalization, one of :data:`DTYPES`.
        mean: of each channel, after the scaling; ``()`` if nothing is normalized.
        std: standard deviation of each channel likewise.
        target: what is predicted: ``class``, ``labels`` or ``numbers``.
        class_names: of the outputs in order, ``()`` if they have none.
        vocabulary: number of different tokens of int64 examples, else 0.
        resampling: how pictures are resized, one of :data:`RESAMPLINGS`.
    """

    task: str
    shape: tuple[int, ...]
    outputs: int
    dtype: str = "uint8"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    target: str = "class"
    class_names: tuple[str, ...] = ()
    vocabulary: int = 0
    resampling: str = RESAMPLINGS[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self.shape[1], self.shape[2]

    @property
    def takes_pictures(self) -> bool:
        """Whether an example is a square image of gray or color values from 0 to 255."""
        channels, *sides = self.shape
        square = len(sides) == 2 and sides[0] == sides[1]
        return self.dtype == "uint8" and square and channels in (1, 3)

    @property
    def scale(self) -> float:
        """The factor of every value before the normalization."""
        return 1 / 255 if self.dtype == "uint8" else 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every output; its number where it has none."""
        return self.class_names or tuple(str(number) for number in range(self.outputs))

    def normalised(self, examples: Tensor) -> Tensor:
        """Return the network's inputs, exactly as in training, for examples ``(n, *shape)``."""
        return Augmentation(self.mean, self.std).plain(examples)

    def to_json(self) -> dict[str, Any]:
        """Return the file's content."""
        image: dict[str, Any] = {}
        if len(self.shape) == 3:
            image = {"channels": self.shape[0], "size": list(self.size), "crop": CROP}
        tokens = {"vocabulary": self.vocabulary} if self.vocabulary else {}
        return {
            "format": FORMAT,
            "task": self.task,
            "shape": list(self.shape),
            "dtype": self.dtype,
            **image,
            **tokens,
            "resampling": self.resampling,
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
            "target": self.target,
            "outputs": self.outputs,
            "class_names": list(self.class_names),
        }

    @classmethod
    def from_json(cls, content: Any) -> Preprocessing:
        """Return what the content of a file means.

        Raises:
            UserError: it has another format, or a field is missing or has a wrong value.
        """
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise UserError(f"not of the format {FORMAT}")
        found = cls(
            task=_text(content, "task"),
            shape=_sizes(content),
            outputs=_whole(content, "outputs", 1),
            dtype=_one_of(content, "dtype", DTYPES),
            mean=_numbers(content, "mean"),
            std=_numbers(content, "std"),
            target=_one_of(content, "target", TARGETS),
            class_names=_names(content),
            vocabulary=_whole(content, "vocabulary", 0) if "vocabulary" in content else 0,
            resampling=_one_of(content, "resampling", RESAMPLINGS),
        )
        if "crop" in content:
            _one_of(content, "crop", (CROP,))
        channels = len(found.mean)
        if channels not in (0, found.shape[0]) or len(found.std) != channels:
            raise _wrong(content, "mean", f"{found.shape[0]} numbers, as many as in 'std'")
        if not all(one > 0 for one in found.std):
            raise _wrong(content, "std", "numbers above 0")
        if len(found.class_names) not in (0, found.outputs):
            raise _wrong(content, "class_names", f"{found.outputs} names")
        return found

    @classmethod
    def read(cls, folder: Path) -> Preprocessing | None:
        """Return that of a run folder, or ``None`` if it has none.

        Raises:
            UserError: the file cannot be read or is damaged.
        """
        path = folder / FILE
        if not path.exists():
            return None
        try:
            return cls.from_json(plain_json.read(path))
        except UserError as error:
            raise UserError(f"{path}: {error}") from error


def _wrong(content: Mapping[str, Any], field: str, expected: str) -> UserError:
    return UserError(
        f"the field {field!r} has the value {content.get(field)!r:.80}: expected {expected}"
    )


def _text(content: Mapping[str, Any], field: str) -> str:
    if not isinstance(value := content.get(field), str):
        raise _wrong(content, field, "a text")
    return value


def _one_of(content: Mapping[str, Any], field: str, allowed: tuple[str, ...]) -> str:
    if (value := content.get(field)) not in allowed:
        raise _wrong(content, field, f"one of {', '.join(allowed)}")
    return str(value)


def _whole(content: Mapping[str, Any], field: str, low: int) -> int:
    value = content.get(field)
    if type(value) is not int or not low <= value < _LARGEST:
        raise _wrong(content, field, f"a whole number of at least {low}")
    return value


def _sizes(content: Mapping[str, Any]) -> tuple[int, ...]:
    shape = content.get("shape")
    fits = isinstance(shape, list) and 1 <= len(shape) <= 8
    if not fits or not all(type(side) is int and 1 <= side < _LARGEST for side in shape or ()):
        raise _wrong(content, "shape", "1 to 8 whole numbers of at least 1")
    return tuple(shape or ())


def _numbers(content: Mapping[str, Any], field: str) -> tuple[float, ...]:
    values = content.get(field)
    if not isinstance(values, list) or not all(
        type(one) in (int, float) and math.isfinite(one) for one in values
    ):
        raise _wrong(content, field, "finite numbers")
    return tuple(float(one) for one in values)


def _names(content: Mapping[str, Any]) -> tuple[str, ...]:
    names = content.get("class_names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _wrong(content, "class_names", "texts")
    return tuple(names)
