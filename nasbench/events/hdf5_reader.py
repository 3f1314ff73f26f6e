"""Reads HDF5 files of event images that ``hdf5_writer`` or other scripts wrote.

A file has a group for each person, and in it a float dataset (channels, height, width) for each
image. Files of other scripts have no attributes; their axes are taken to be [channel, y, x].
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.recordings import natural
from nasbench.optional import require

AXES = ("channel,y,x", "channel,x,y")  # images are returned with the first
_DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # what h5py raises
_MOST = 2**28  # bytes of an image, which may be packed to almost nothing
_MAX_REASON = 120  # characters; h5py's messages can have many hundred
_WINDOW = re.compile(r"(.+)-\d+")  # image 1-0 of walk 1
_PLAIN_WINDOW = re.compile(r"(\d+)-\d+")  # in files that do not state their windows


@dataclass(frozen=True)
class StoredImage:
    """The person and name of an image, and the name of the walk that it belongs to."""

    person: str
    name: str
    walk: str

    def __str__(self) -> str:
        return f"{self.person}/{self.name}"


@dataclass(frozen=True)
class Contents:
    """The contents of a file, without its pixels.

    Attributes:
        path: of the file.
        images: all images, sorted by person and name; ``2`` comes before ``10``.
        shape: of each image, ``(channels, height, width)``.
        channels: what each channel is, as the file states it, or ``not stated``.
        transposed: whether the file's axes are [channel, x, y].
        synthetic: whether the file is marked as made from synthetic recordings.
    """

    path: Path
    images: tuple[StoredImage, ...]
    shape: tuple[int, int, int]
    channels: str
    transposed: bool
    synthetic: bool = False

    @property
    def persons(self) -> tuple[str, ...]:
        """The persons, in order."""
        return tuple(dict.fromkeys(image.person for image in self.images))

    @property
    def walks(self) -> tuple[tuple[str, str], ...]:
        """The person and the name of each walk, in order."""
        return tuple(dict.fromkeys((image.person, image.walk) for image in self.images))


def read_contents(path: Path) -> Contents:
    """Return the contents of a file, reading only names and shapes.

    Raises:
        UserError: it is not an HDF5 file of this layout, or its images differ in shape.
    """
    with _opened(path) as file:
        images = tuple(_images(path, file))
        shapes = [(one, file[one.person][one.name].shape) for one in images]
        axes = _text(file, "axes") or AXES[0]
        if axes not in AXES:
            raise UserError(f"{path}: axes {axes!r}: must be {' or '.join(AXES)}")
        channels = _text(file, "channels") or "not stated"
        synthetic = bool(_text(file, "synthetic"))
    for one, shape in shapes:
        if shape != shapes[0][1]:
            raise UserError(
                f"{path}: image {one} is {shape}: must be {shapes[0][1]}, like the first one"
            )
    first, second, third = shapes[0][1]
    transposed = axes != AXES[0]
    shape = (first, third, second) if transposed else (first, second, third)
    return Contents(path, images, shape, channels, transposed, synthetic)


def read_pixels(file: Contents, images: Iterable[StoredImage]) -> NDArray[np.float32]:
    """Return images, float32 ``(n, channels, height, width)``.

    Raises:
        UserError: an image is damaged or holds a value that is not finite, or memory runs out.
    """
    wanted = list(images)
    try:
        pixels = np.empty((len(wanted), *file.shape), np.float32)
        with _opened(file.path) as source, np.errstate(over="ignore"):
            for target, image in zip(pixels, wanted, strict=True):
                found = _read_image(file.path, source, str(image))
                target[:] = found.swapaxes(1, 2) if file.transposed else found
                if not np.isfinite(target).all():
                    raise UserError(f"{file.path}: image {image} holds values that are not finite")
    except MemoryError as error:
        size = "x".join(map(str, file.shape))
        raise UserError(
            f"{file.path}: {len(wanted)} images of {size} do not fit into memory"
        ) from error
    return pixels


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield the file; damage that shows only while reading gives the same error.

    Raises:
        UserError: h5py is missing, or the file cannot be read.
    """
    library = require("h5py", "an HDF5 file")
    try:
        with library.File(path, "r") as file:
            yield file
    except _DAMAGED as error:
        raise UserError(f"{path} is not a readable HDF5 file ({_reason(error)})") from error


def _read_image(path: Path, file: Any, name: str) -> NDArray[Any]:
    try:
        if (size := file[name].nbytes) > _MOST:
            raise ValueError(f"{size:,} bytes: at most {_MOST:,} are read")
        found: NDArray[Any] = file[name][()]
    except _DAMAGED as error:
        raise UserError(f"{path}: image {name} cannot be read ({_reason(error)})") from error
    return found


def _reason(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return str(reason).partition("\n")[0][:_MAX_REASON]


def _text(file: Any, attribute: str) -> str | None:
    """Return an attribute of a file or an image, which may be bytes or a list of strings."""
    value = file.attrs.get(attribute)
    if value is None:
        return None
    pieces = np.ravel(value).tolist()
    return ",".join(
        one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in pieces
    )


def _images(path: Path, file: Any) -> Iterator[StoredImage]:
    """Yield the names of all images, checking the file's layout."""
    windows = _text(file, "window")
    for person in sorted(file, key=natural):
        group = file.get(person)  # None for a link that leads nowhere
        if not hasattr(group, "keys"):
            raise _wrong_layout(path, f"{person!r} is not a group")
        for name in sorted(group, key=natural):
            data = group.get(name)
            shape: Any = getattr(data, "shape", None)  # also None for a dataset without any space
            numeric = shape is not None and data.dtype.kind in "fiu"
            if not numeric or len(shape) != 3 or min(shape) < 1:
                raise _wrong_layout(path, f"{person}/{name} is not an image")
            walk = _text(data, "walk")
            if not walk:
                # Too few walks are better than too many: a split that cuts a walk flatters every
                # choice.
                pattern = _PLAIN_WINDOW if windows is None else _WINDOW
                found = None if windows == "file" else pattern.fullmatch(name)
                walk = found[1] if found else name
            yield StoredImage(person, name, walk)
        if not len(group):
            raise _wrong_layout(path, f"the group {person!r} is empty")
    if not len(file):
        raise _wrong_layout(path, "it is empty")


def _wrong_layout(path: Path, what: str) -> UserError:
    return UserError(
        f"{path}: {what}; the file must hold a group for each person with a dataset (channels, "
        "height, width) for each walk, as 'nasbench data gait' writes it"
    )
