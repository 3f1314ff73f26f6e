"""Handles Ctrl-C and SIGTERM: a run stops between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """The run was asked to stop and has saved its state.

    It derives from ``BaseException``, like ``KeyboardInterrupt``, so that code that continues
    after a failed trial does not catch it.

    Args:
        where: how far the run came, for example ``"in epoch 2 after step 5"``.
        number: of the signal.

    Attributes:
        signal: the number of the signal, for the exit status.
        run: the argument of ``--resume``, set by the caller that knows the run.
    """

    def __init__(self, where: str, number: int = signal.SIGINT) -> None:
        super().__init__(f"stopped {where}")
        self.signal = number
        self.run = ""


class StopSignal:
    """``requested`` after the first SIGINT or SIGTERM; a second one raises at once."""

    def __init__(self) -> None:
        self.requested = False
        self.number: int = signal.SIGINT

    @contextmanager
    def listening(self) -> Iterator[StopSignal]:
        """Handle the signals while the block runs, in a main thread; others cannot."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
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
