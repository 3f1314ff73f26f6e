"""Ctrl-C and SIGTERM, answered between two steps."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """The run was asked to stop and has saved its state.

    Like ``KeyboardInterrupt`` it is no error, and what takes an error for a failed trial and goes
    on must not take this for one.

    Args:
        where: how far the run came, for example ``"in epoch 2 after step 5"``.
        number: of the signal.

    Attributes:
        signal: the number of the signal, for the exit status.
        run: what ``--resume`` takes, once somebody who knows it has passed this on.
    """

    def __init__(self, where: str, number: int = signal.SIGINT) -> None:
        super().__init__(f"stopped {where}")
        self.signal = number
        self.run = ""


class StopSignal:
    """Becomes ``requested`` at the first SIGINT or SIGTERM; a second one ends at once."""

    def __init__(self) -> None:
        self.requested = False
        self.number: int = signal.SIGINT

    @contextmanager
    def listening(self) -> Iterator[StopSignal]:
        """Take the signals over for as long as the block runs."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._on_signal) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested, self.number = True, number
