"""How far a run has come: read from what was appended to its journal since the last look."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from nasbench.board.files import MOST_JOURNAL, opened, signature, whole
from nasbench.store.journal import number

_LONG = b', "weights": {'  # what makes an epoch of a one-shot search long, and is not asked here
_GAPS = 5
_AT_ONCE = 2**20  # bytes


class Course:
    """A journal's sum, kept up to date at the cost of its new lines.

    Attributes:
        epoch: the last epoch outside of trials, 0 before the first.
        val: the last validation accuracy outside of trials.
        best: the best validation accuracy, or the best score of a trial.
        scores: each trial's score by number, ``None`` where it failed.
        device_seconds: of the epochs, or of the trials.
        cut: whether the journal was too large, and its beginning is not counted.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.val: float | None = None
        self.best: float | None = None
        self.scores: dict[int, float | None] = {}
        self.device_seconds: float | None = None
        self.cut = False
        self._times: deque[Any] = deque(maxlen=_GAPS + 1)
        self._timed = 0  # trials whose seconds are known
        self._read = 0

    def fits(self, path: Path) -> bool:
        """Return whether the journal is still the one that was read, and has only grown."""
        return (signature(path) or (0,))[0] >= self._read

    def update(self, path: Path, bound: Path) -> None:
        """Read the whole lines that were added; a torn one waits for its end.

        Args:
            path: the journal; where there is none yet, nothing is read.
            bound: the folder that it must not lead out of.

        Raises:
            ValueError, OSError: it cannot be read.
        """
        if not signature(path):
            return
        with opened(path, bound) as file:
            size = file.seek(0, 2)
            if size - self._read > MOST_JOURNAL:
                self.cut, self._read = True, size - MOST_JOURNAL
            file.seek(self._read)
            whole_lines = True
            while whole_lines and (lines := file.readlines(_AT_ONCE)):
                if not (whole_lines := lines[-1].endswith(b"\n")):
                    lines.pop()  # its end may be there by the next reading, which begins with it
                self._read += sum(map(len, lines))
                for event in _events(lines):
                    self._take(event)

    def seconds_left(self, epochs: int | None, trials: int | None, at_once: int) -> float | None:
        """Return how long it will take until the end, ``None`` where nothing tells.

        Args:
            epochs: how many there shall be, in a run without trials.
            trials: how many there shall be.
            at_once: how many trials run at a time.
        """
        if trials is not None and self._timed and self.device_seconds is not None:
            each = self.device_seconds / self._timed
            return max(trials - len(self.scores), 0) * each / max(at_once, 1)
        if epochs is None or not self.epoch or self.scores:
            return None
        gaps = _gaps(self._times)
        each = median(gaps) if gaps else (self.device_seconds or 0.0) / self.epoch
        return max(epochs - self.epoch, 0) * each

    def _take(self, event: Any) -> None:
        if not isinstance(event, dict):
            return
        if event.get("event") == "epoch" and event.get("trial") is None:
            self._epoch(event)
        elif event.get("event") == "trial":
            self._trial(event)

    def _epoch(self, event: dict[str, Any]) -> None:
        self.epoch = whole(event.get("epoch")) or self.epoch
        self.device_seconds = number(event.get("seconds"))
        self.val = number(event.get("val_accuracy"))
        self._better(self.val)
        self._times.append(event.get("time"))

    def _trial(self, event: dict[str, Any]) -> None:
        place = whole(event.get("number"))
        if place is None:
            return
        score = number(event.get("score"))
        seconds = number(event.get("seconds"))
        if place not in self.scores and seconds is not None:
            self.device_seconds = (self.device_seconds or 0.0) + max(seconds, 0.0)
            self._timed += 1
        self.scores[place] = score
        self._better(score)

    def _better(self, value: float | None) -> None:
        if value is not None and (self.best is None or value > self.best):
            self.best = value


def _events(lines: Sequence[bytes]) -> list[Any]:
    """Return what the lines hold: all at once where each is JSON, which takes half the time."""
    short = [_short(line) for line in lines]
    try:
        found: list[Any] = json.loads(b"[" + b",".join(short) + b"]")
    except (ValueError, RecursionError):
        found = [event for line in short for event in _event(line)]
    return found


def _event(line: bytes) -> list[Any]:
    try:
        return [json.loads(line)]
    except (ValueError, RecursionError):
        return []


def _short(line: bytes) -> bytes:
    """Return an epoch's line without what makes it long in a one-shot search."""
    if line.startswith(b'{"event": "epoch"') and _LONG in line:
        return line.partition(_LONG)[0] + b"}"
    return line


def _gaps(times: Iterable[Any]) -> list[float]:
    """Return the seconds between the ends of epochs."""
    known = [_time(value) for value in times]
    both = [(a, b) for a, b in pairwise(known) if a is not None and b is not None]
    return [gap for a, b in both if (gap := (b - a).total_seconds()) >= 0]  # clocks are set back


def _time(value: Any) -> datetime | None:
    """Return a time with its zone, ``None`` for anything else."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None
