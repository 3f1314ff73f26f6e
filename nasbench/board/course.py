"""How far a run has come: read from what was appended to its journal since the last look."""

from __future__ import annotations

import json
from collections import deque
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from nasbench.board.files import MOST_JOURNAL, inside, number, signature, whole

_LONG = b', "weights": {'  # what makes an epoch of a one-shot search long, and is not asked here
_GAPS = 5


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
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._last: datetime | None = None
        self._read = 0

    def fits(self, path: Path) -> bool:
        """Return whether the journal is still the one that was read, and has only grown."""
        return (signature(path) or (0,))[0] >= self._read

    def update(self, path: Path, root: Path) -> None:
        """Read the whole lines that were added; a torn one waits for its end."""
        if not inside(path, root):
            return
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size - self._read > MOST_JOURNAL:
                self.cut, self._read = True, size - MOST_JOURNAL
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                self._take(line)

    def seconds_left(self, epochs: int | None, trials: int | None, at_once: int) -> float | None:
        """Return how long it will take until the end, ``None`` where nothing tells.

        Args:
            epochs: how many there shall be, in a run without trials.
            trials: how many there shall be.
            at_once: how many trials run at a time.
        """
        if trials is not None and self.scores and self.device_seconds is not None:
            each = self.device_seconds / len(self.scores)
            return max(trials - len(self.scores), 0) * each / max(at_once, 1)
        if epochs is None or not self.epoch or self.scores:
            return None
        each = median(self._gaps) if self._gaps else (self.device_seconds or 0.0) / self.epoch
        return max(epochs - self.epoch, 0) * each

    def _take(self, line: bytes) -> None:
        if line.startswith(b'{"event": "epoch"') and _LONG in line:
            line = line.partition(_LONG)[0] + b"}"
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return
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
        now = _time(event.get("time"))
        if now is not None and self._last is not None:
            self._gaps.append((now - self._last).total_seconds())
        self._last = now

    def _trial(self, event: dict[str, Any]) -> None:
        place = whole(event.get("number"))
        if place is None:
            return
        score = number(event.get("score"))
        if place not in self.scores:
            self.device_seconds = (self.device_seconds or 0.0) + (
                number(event.get("seconds")) or 0.0
            )
        self.scores[place] = score
        self._better(score)

    def _better(self, value: float | None) -> None:
        if value is not None and (self.best is None or value > self.best):
            self.best = value


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
