"""Events as arrays: what every reader gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError

LARGEST = 65535  # of a coordinate
MOST_PIXELS = 1 << 24  # of a sensor; to draw on so many takes some 2 GB


class Refused(UserError):
    """A recording that cannot be taken; the message names the file and, inside it, the place."""


class Size(NamedTuple):
    """A sensor in pixels, each side 1 to 65536."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def drawable(self) -> bool:
        """Whether an image of it fits in the memory."""
        return self.width * self.height <= MOST_PIXELS


def parse_size(text: str) -> Size:
    """Return the sensor that a text such as ``346x260`` states, width first.

    Raises:
        UserError: it states none.
    """
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip())
    size = Size(int(found[1]), int(found[2])) if found else Size(0, 0)
    if not all(1 <= side <= LARGEST + 1 for side in size):
        raise UserError(f"sensor {text!r}: WIDTHxHEIGHT is allowed, such as 346x260")
    if not size.drawable:
        raise UserError(f"sensor {text!r}: at most {MOST_PIXELS} pixels are allowed")
    return size


@dataclass(frozen=True, eq=False)
class Events:
    """Events in the order of their file: a recording, or a part of one.

    Attributes:
        t: times in microseconds (or in the file's own unit where it states none), int64.
        x: columns, 0 at the left, uint16.
        y: rows, 0 at the top, uint16.
        p: whether the pixel became brighter, bool.
        size: of the sensor; ``None`` where the file does not tell.
        first: the place of the first of these events in the recording, from 0.
        lines: the line of each event, from 1, where the file has lines.
    """

    t: NDArray[np.int64]
    x: NDArray[np.uint16]
    y: NDArray[np.uint16]
    p: NDArray[np.bool_]
    size: Size | None = None
    first: int = 0
    lines: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.t)

    def where(self, index: int) -> str:
        """Return the name of the place of an event, such as ``line 17`` or ``event 16``."""
        if self.lines is not None:
            return f"line {self.lines[index]}"
        return f"event {self.first + index}"


def join(parts: Iterable[Events]) -> Events:
    """Return the events of all parts of one recording as one."""
    none = np.empty(0, np.uint16)
    found = list(parts) or [Events(np.empty(0, np.int64), none, none, np.empty(0, np.bool_))]
    lines = None
    if all(part.lines is not None for part in found):
        lines = [line for part in found for line in part.lines or ()]
    return Events(
        np.concatenate([part.t for part in found]),
        np.concatenate([part.x for part in found]),
        np.concatenate([part.y for part in found]),
        np.concatenate([part.p for part in found]),
        found[0].size,
        found[0].first,
        lines,
    )
