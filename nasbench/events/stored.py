"""Reading the HDF5 files of event images that ``hdf5`` or other scripts wrote.

A group for each person, in it a float dataset (channels, height, width) for each walk. Files of
other scripts have no attributes; their axes are then taken to be [channel, y, x].
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.layout import natural
from nasbench.events.opened import image, is_image, opened, text

AXES = ("channel,y,x", "channel,x,y")  # the first is how images are returned
_WINDOW = re.compile(r"(.+)-\d+")  # image 1-0 of walk 1
_PLAIN_WINDOW = re.compile(r"(\d+)-\d+")  # where no attribute tells that there are windows


@dataclass(frozen=True)
class Place:
    """An image: its person and its name, and the walk that it was cut out of."""

    person: str
    name: str
    walk: str

    def __str__(self) -> str:
        return f"{self.person}/{self.name}"


@dataclass(frozen=True)
class Contents:
    """What a file holds, without its pixels.

    Attributes:
        path: of the file.
        places: of all images, in the order of persons, then names; ``2`` stands before ``10``.
        shape: of every image: channels, height, width.
        channels: what each channel is, as the file states it; ``not stated`` otherwise.
        transposed: whether the file's axes are [channel, x, y].
        synthetic: whether the file is marked as made of made-up recordings.
    """

    path: Path
    places: tuple[Place, ...]
    shape: tuple[int, int, int]
    channels: str
    transposed: bool
    synthetic: bool = False

    @property
    def persons(self) -> tuple[str, ...]:
        """The persons, in order."""
        return tuple(dict.fromkeys(place.person for place in self.places))

    @property
    def walks(self) -> tuple[tuple[str, str], ...]:
        """The person and the name of every walk, in order."""
        return tuple(dict.fromkeys((place.person, place.walk) for place in self.places))


def contents(path: Path) -> Contents:
    """Return what ``path`` holds; only names and shapes are read.

    Raises:
        UserError: it is no HDF5 file, it is not laid out as above, or its images differ in size.
    """
    with opened(path) as file:
        places = tuple(_places(path, file))
        shapes = [(one, file[one.person][one.name].shape) for one in places]
        axes = text(file, "axes") or AXES[0]
        if axes not in AXES:
            raise UserError(f"{path}: axes {axes!r}: {' or '.join(AXES)} is allowed")
        channels = text(file, "channels") or "not stated"
        synthetic = bool(text(file, "synthetic"))
    for one, shape in shapes:
        if shape != shapes[0][1]:
            raise UserError(
                f"{path}: image {one} is {shape}: {shapes[0][1]} is allowed, as the first one"
            )
    first, second, third = shapes[0][1]
    transposed = axes != AXES[0]
    shape = (first, third, second) if transposed else (first, second, third)
    return Contents(path, places, shape, channels, transposed, synthetic)


def pixels(file: Contents, places: Iterable[Place]) -> NDArray[np.float32]:
    """Return the images at ``places``, float32 of shape (n, channels, height, width).

    Raises:
        UserError: an image is damaged or holds a value that is not finite, or memory runs out.
    """
    wanted = list(places)
    try:
        images = np.empty((len(wanted), *file.shape), np.float32)
        with opened(file.path) as source, np.errstate(over="ignore"):
            for target, place in zip(images, wanted, strict=True):
                found = image(file.path, source, str(place))
                target[:] = found.swapaxes(1, 2) if file.transposed else found
                if not np.isfinite(target).all():
                    raise UserError(f"{file.path}: image {place} holds values that are not finite")
    except MemoryError as error:
        size = "x".join(map(str, file.shape))
        raise UserError(
            f"{file.path}: {len(wanted)} images of {size} do not fit into memory"
        ) from error
    return images


def _places(path: Path, file: Any) -> Iterator[Place]:
    """Yield the place of every image, after a look at the file's layout."""
    windows = text(file, "window")
    for person in sorted(file, key=natural):
        group = file.get(person)  # None for a link that leads nowhere
        if not hasattr(group, "keys"):
            raise _unlike(path, f"{person!r} is no group")
        for name in sorted(group, key=natural):
            data = group.get(name)
            if not is_image(data):
                raise _unlike(path, f"{person}/{name} is no image")
            yield Place(person, name, text(data, "walk") or _walk(name, windows))
        if not len(group):
            raise _unlike(path, f"the group {person!r} is empty")
    if not len(file):
        raise _unlike(path, "it is empty")


def _walk(name: str, windows: str | None) -> str:
    """Return the walk that the image ``name`` belongs to, where no attribute tells it.

    Too few walks are better than too many. ``windows``: what the file states of its windows.
    """
    if windows == "file":
        return name
    found = (_PLAIN_WINDOW if windows is None else _WINDOW).fullmatch(name)
    return found[1] if found else name


def _unlike(path: Path, what: str) -> UserError:
    return UserError(
        f"{path}: {what}; a group for each person with a dataset (channels, height, width) for "
        "each walk is allowed, as 'nasbench data gait' writes it"
    )
