"""Arrays of events, as all readers return them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError

MAX_COORDINATE = 65535
MAX_PIXELS = 1 << 24  # of a sensor; the arrays of one image of this size take about 2 GB


class RecordingError(UserError):
    """A recording cannot be used; the message names the file and the place in it."""


class Size(NamedTuple):
    """A sensor's size in pixels; each side is 1 to 65536."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def drawable(self) -> bool:
        """Whether an image of this size fits in memory."""
        return self.width * self.height <= MAX_PIXELS


def parse_size(text: str) -> Size:
    """Parse a sensor size such as ``346x260``, width first.

    Raises:
        UserError: the text has another form, or the sensor is too large.
    """
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip())
    size = Size(int(found[1]), int(found[2])) if found else Size(0, 0)
    if not all(1 <= side <= MAX_COORDINATE + 1 for side in size):
        raise UserError(f"sensor {text!r}: must be WIDTHxHEIGHT, such as 346x260")
    if not size.drawable:
        raise UserError(f"sensor {text!r}: must have at most {MAX_PIXELS} pixels")
    return size


@dataclass(frozen=True, eq=False)
class Events:
    """``n`` events in file order: a recording, or a part of one.

    Attributes:
        t: int64 ``(n,)``, times in microseconds, or in the file's unit if it states none.
        x: uint16 ``(n,)``, columns, 0 at the left.
        y: uint16 ``(n,)``, rows, 0 at the top.
        p: bool ``(n,)``, whether the pixel became brighter.
        size: of the sensor; ``None`` if the file does not state it.
        first: index of the first event within the recording.
        lines: line number of each event, from 1, for files with lines.
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
        """Return where an event is in its file, such as ``line 17`` or ``event 16``."""
        if self.lines is not None:
            return f"line {self.lines[index]}"
        return f"event {self.first + index}"


def join(parts: Iterable[Events]) -> Events:
    """Concatenate the parts of one recording."""
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
