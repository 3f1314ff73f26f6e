"""Event images: for each pixel the number of brighter and darker events and their last times.

The four channels are those of EV-Gait (Wang et al., CVPR 2019). A window decides which events make
one image. A time is (t - first)/(last - first) of the window; it is 0 for pixels without events,
and if all events of the window have the same time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.events import MAX_PIXELS, Events, RecordingError, Size

CHANNELS = ("pos-count", "neg-count", "pos-time", "neg-time")
DEFAULT_SIZE = Size(128, 128)
MAX_SPAN = 2**63 - 1  # microseconds from the first event to the last, so that it fits in int64
US_PER_MS = 1000
_WINDOW = re.compile(r"([1-9]\d{0,14})\s*(events|ms)")  # in microseconds it fits in int64


class Kind(StrEnum):
    """The unit of a window's length; ``FILE`` is the whole recording."""

    FILE = "file"
    EVENTS = "events"
    MS = "ms"


@dataclass(frozen=True)
class Window:
    """The events of one image: all of a file, or consecutive windows of events or milliseconds."""

    kind: Kind = Kind.FILE
    length: int = 1

    def __str__(self) -> str:
        separator = "" if self.kind is Kind.MS else " "
        return "file" if self.kind is Kind.FILE else f"{self.length}{separator}{self.kind}"

    def split(self, part: Events, start: int) -> Iterator[tuple[int, slice]]:
        """Yield the index of each window, and the slice of ``part`` that belongs to it.

        Args:
            part: events in ascending order of time.
            start: time of the recording's first event, in microseconds.
        """
        if self.kind is Kind.FILE:
            yield 0, slice(0, len(part))
            return
        if self.kind is Kind.EVENTS:
            numbers = (part.first + np.arange(len(part))) // self.length
        else:
            numbers = (part.t - start) // (self.length * US_PER_MS)
        cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(part)]
        for begin, end in pairwise(cuts):
            yield int(numbers[begin]), slice(begin, end)

    def complete_at_end(self, events: int) -> bool:
        """Return whether a recording's last window is complete, given its number of events."""
        return self.kind is Kind.FILE or (self.kind is Kind.EVENTS and events == self.length)


def parse_window(text: str) -> Window:
    """Parse ``file``, ``20000 events`` or ``50ms``.

    Raises:
        UserError: the text has another form.
    """
    if text.strip() == Kind.FILE:
        return Window()
    if found := _WINDOW.fullmatch(text.strip()):
        return Window(Kind(found[2]), int(found[1]))
    raise UserError(
        f"window {text!r}: must be file, a number of events such as '20000 events', or 50ms, "
        "of at most 15 digits"
    )


@dataclass(frozen=True, eq=False)
class Image:
    """An event image.

    Attributes:
        pixels: float32 ``(4, height, width)``, the channels in the order of ``CHANNELS``.
        events: number of events.
        first: time of the first event, in microseconds.
        last: time of the last event, in microseconds.
    """

    pixels: NDArray[np.float32]
    events: int
    first: int
    last: int


class _Canvas:
    """Counts and last times of the events of one window; negative events come first."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.counts = np.zeros((2, size.height, size.width), np.int64)
        self.times = np.zeros_like(self.counts)
        self.events = self.first = self.last = 0

    def add(self, part: Events, where: slice) -> None:
        """Add events that are not earlier than those before them."""
        from nasbench.events import compiled  # by numba, an extra: tasks of pictures go without

        t = part.t[where]
        if not self.events:
            self.first = int(t[0])
        compiled.draw(t, part.x[where], part.y[where], part.p[where], self.counts, self.times)
        self.events, self.last = self.events + len(t), int(t[-1])

    def take(self) -> Image:
        """Return the image and start the next one."""
        seen = self.counts > 0
        times = np.where(seen, (self.times - self.first) / max(1, self.last - self.first), 0)
        both = [values[::-1] for values in (self.counts, times)]
        image = Image(np.concatenate(both).astype(np.float32), self.events, self.first, self.last)
        self.counts[:] = 0
        self.events = 0
        return image


def images(
    parts: Iterable[Events], name: str, window: Window, size: Size | None = None
) -> Iterator[Image]:
    """Yield the images of one recording.

    Windows without events, and a last window that is not complete, give no image.

    Args:
        parts: the recording's events in ascending order of time.
        name: of the recording, for error messages.
        window: which events make one image.
        size: of the sensor; by default the recording's own, or 128x128 if it states none.

    Raises:
        RecordingError: there is no event, one lies outside the sensor, or time runs backwards.
    """
    canvas, current, start = None, 0, 0
    for part in _checked(parts, name, size):
        if canvas is None:
            canvas, start = _Canvas(size or part.size or DEFAULT_SIZE), int(part.t[0])
        for number, where in window.split(part, start):
            if number != current and canvas.events:
                yield canvas.take()
            current = number
            canvas.add(part, where)
    if canvas is None:
        raise RecordingError(f"{name}: the recording is empty; it must have at least one event")
    if window.complete_at_end(canvas.events):
        yield canvas.take()


def _checked(parts: Iterable[Events], name: str, size: Size | None) -> Iterator[Events]:
    """Yield the parts that have events, after checking their coordinates and times."""
    before = start = None
    for part in parts:
        if not len(part):
            continue
        start = int(part.t[0]) if start is None else start
        sensor = size or part.size or DEFAULT_SIZE
        if not sensor.drawable:
            raise RecordingError(
                f"{name}: its sensor is {sensor}; must have at most {MAX_PIXELS} pixels"
            )
        if part.x.max() >= sensor.width or part.y.max() >= sensor.height:
            at = int(np.flatnonzero((part.x >= sensor.width) | (part.y >= sensor.height))[0])
            raise RecordingError(
                f"{name}: {part.where(at)}: x {part.x[at]}, y {part.y[at]} lies outside the "
                f"{sensor} sensor"
            )
        backwards = np.flatnonzero(part.t[1:] < part.t[:-1])
        if before is not None and part.t[0] < before:
            raise _backwards(name, part, 0, before)
        if len(backwards):
            raise _backwards(name, part, int(backwards[0]) + 1, int(part.t[backwards[0]]))
        before = int(part.t[-1])
        if before - start > MAX_SPAN:
            at = int(np.searchsorted(part.t, start + MAX_SPAN, "right"))  # the sum fits in int64
            raise RecordingError(
                f"{name}: {part.where(at)}: time {part.t[at]} is more than {MAX_SPAN} after the "
                f"first, {start}, the longest recording that is supported"
            )
        yield part


def _backwards(name: str, part: Events, at: int, before: int) -> RecordingError:
    return RecordingError(
        f"{name}: {part.where(at)}: time runs backwards to {part.t[at]}; must be at least {before}"
    )


def channel_order(text: str) -> tuple[int, ...]:
    """Return the indices into ``CHANNELS`` of comma-separated channel names.

    Raises:
        UserError: the names are not a permutation of ``CHANNELS``.
    """
    names = [name.strip() for name in text.split(",")]
    if sorted(names) != sorted(CHANNELS):
        raise UserError(f"channels {text!r}: must be a permutation of {','.join(CHANNELS)}")
    return tuple(CHANNELS.index(name) for name in names)
