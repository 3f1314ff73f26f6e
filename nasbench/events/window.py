"""Which events make one image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from nasbench.errors import UserError
from nasbench.events.events import Events

US_PER_MS = 1000
_TEXT = re.compile(r"([1-9]\d{0,14})\s*(events|ms)")  # in microseconds it fits in an int64


class Kind(StrEnum):
    """What a window's length counts."""

    FILE = "file"
    EVENTS = "events"
    MS = "ms"


@dataclass(frozen=True)
class Window:
    """All events of a file, so many events, or so many milliseconds from the first event on."""

    kind: Kind = Kind.FILE
    length: int = 1

    def __str__(self) -> str:
        separator = "" if self.kind is Kind.MS else " "
        return "file" if self.kind is Kind.FILE else f"{self.length}{separator}{self.kind}"

    def split(self, part: Events, start: int) -> Iterator[tuple[int, slice]]:
        """Yield the number of each window, and which events of ``part`` belong to it.

        Args:
            part: events in the order of their times.
            start: the time of the recording's first event, in microseconds.
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

    def whole_at_end(self, events: int) -> bool:
        """Whether the window in which a recording ends is whole, with so many events in it."""
        return self.kind is Kind.FILE or (self.kind is Kind.EVENTS and events == self.length)


def parse(text: str) -> Window:
    """Return the window that ``file``, ``20000 events`` or ``50ms`` names.

    Raises:
        UserError: it names none.
    """
    if text.strip() == Kind.FILE:
        return Window()
    if found := _TEXT.fullmatch(text.strip()):
        return Window(Kind(found[2]), int(found[1]))
    raise UserError(
        f"window {text!r}: file, a number of events such as '20000 events', or 50ms is allowed, "
        "of at most 15 digits"
    )
