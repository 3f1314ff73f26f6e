"""Event images: how often, and when last, each pixel became brighter and darker.

After EV-Gait (Wang et al., CVPR 2019), four channels. A time is (t - first)/(last - first) of the
image's window, 0 where nothing happened or where all happened at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.compiled import draw
from nasbench.events.events import MOST_PIXELS, Events, Refused, Size
from nasbench.events.window import Window

CHANNELS = ("pos-count", "neg-count", "pos-time", "neg-time")
DEFAULT_SIZE = Size(128, 128)
LONGEST = 2**63 - 1  # microseconds from the first event to the last: differences of times fit


@dataclass(frozen=True, eq=False)
class Image:
    """An event image.

    Attributes:
        pixels: float32 of shape (4, height, width), the channels in the order of ``CHANNELS``.
        events: how many it shows.
        first: the time of the first, in microseconds.
        last: the time of the last.
    """

    pixels: NDArray[np.float32]
    events: int
    first: int
    last: int


class _Canvas:
    """Counts and last times of the events of one window, the negative ones first."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.counts = np.zeros((2, size.height, size.width), np.int64)
        self.times = np.zeros_like(self.counts)
        self.events = self.first = self.last = 0

    def add(self, part: Events, where: slice) -> None:
        """Add events that follow in time to those before them."""
        t = part.t[where]
        if not self.events:
            self.first = int(t[0])
        draw(t, part.x[where], part.y[where], part.p[where], self.counts, self.times)
        self.events, self.last = self.events + len(t), int(t[-1])

    def take(self) -> Image:
        """Return the image and begin the next one."""
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

    A window that the recording's end cuts short gives none, and neither does one without events.

    Args:
        parts: the recording's events in the order of their times.
        name: of the recording, for what is refused.
        window: which events make one image.
        size: the sensor's; the recording's own by default, 128x128 where it tells none.

    Raises:
        Refused: an event lies outside the sensor, time runs backwards, or there is no event.
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
        raise Refused(f"{name}: the recording is empty; at least one event is needed")
    if window.whole_at_end(canvas.events):
        yield canvas.take()


def _checked(parts: Iterable[Events], name: str, size: Size | None) -> Iterator[Events]:
    """Yield the parts that have events, after a look at their places and times."""
    before = start = None
    for part in parts:
        if not len(part):
            continue
        start = int(part.t[0]) if start is None else start
        _check_places(part, name, size or part.size or DEFAULT_SIZE)
        backwards = np.flatnonzero(part.t[1:] < part.t[:-1])
        if before is not None and part.t[0] < before:
            raise _backwards(name, part, 0, before)
        if len(backwards):
            raise _backwards(name, part, int(backwards[0]) + 1, int(part.t[backwards[0]]))
        before = int(part.t[-1])
        if before - start > LONGEST:
            raise _too_long(part, name, start)
        yield part


def _check_places(part: Events, name: str, size: Size) -> None:
    if not size.drawable:
        raise Refused(f"{name}: its sensor is {size}; at most {MOST_PIXELS} pixels are allowed")
    if part.x.max() < size.width and part.y.max() < size.height:
        return
    at = int(np.flatnonzero((part.x >= size.width) | (part.y >= size.height))[0])
    raise Refused(
        f"{name}: {part.where(at)}: x {part.x[at]}, y {part.y[at]} lies outside the sensor; "
        f"{size} is allowed"
    )


def _backwards(name: str, part: Events, at: int, before: int) -> Refused:
    return Refused(
        f"{name}: {part.where(at)}: time runs backwards to {part.t[at]}; "
        f"{before} and more is allowed"
    )


def _too_long(part: Events, name: str, start: int) -> Refused:
    at = int(np.searchsorted(part.t, start + LONGEST, "right"))  # fits, else nothing were too long
    return Refused(
        f"{name}: {part.where(at)}: time {part.t[at]} is more than {LONGEST} after the first, "
        f"{start}; a recording as long as that is allowed"
    )


def channel_order(text: str) -> tuple[int, ...]:
    """Return which of ``CHANNELS`` stands at each place, for names with commas between.

    Raises:
        UserError: it is not a permutation of them.
    """
    names = [name.strip() for name in text.split(",")]
    if sorted(names) != sorted(CHANNELS):
        raise UserError(f"channels {text!r}: an order of {','.join(CHANNELS)} is allowed")
    return tuple(CHANNELS.index(name) for name in names)
