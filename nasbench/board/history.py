"""What a journal says of a run: its progress, its events, and its mixing weights over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from nasbench import plain_json
from nasbench.board.files import (
    MOST_EVENTS,
    MOST_JOURNAL,
    Signature,
    opened,
    read_bytes,
    signature,
    text,
    whole,
)
from nasbench.errors import UserError
from nasbench.measures import ACCURACY, Measure
from nasbench.store.journal import events_in, number, table

Event = Mapping[str, Any]

_WEIGHTS = b', "weights": {'  # makes an epoch of a one-shot search long and is not needed here
_GAPS = 5
_AT_ONCE = 2**20  # bytes


class History:
    """The progress of a run; an update costs as much as the lines added to the journal.

    Attributes:
        epoch: the last epoch outside of trials, 0 before the first.
        val: the last validation result outside of trials.
        best: the best validation result, that of a trial included.
        scores: each trial's result by number, ``None`` if it failed.
        device_seconds: of the epochs, or of the trials.
        cut: whether the journal was too large, so that its beginning is not counted.
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
        self._measure: Measure | None = ACCURACY
        self._larger = True

    def fits(self, path: Path) -> bool:
        """Return whether the journal has only grown since it was read."""
        return (signature(path) or (0,))[0] >= self._read

    def update(
        self,
        path: Path,
        bound: Path,
        measure: Measure | None = ACCURACY,
        larger_is_better: bool = True,
    ) -> None:
        """Read the complete lines that were added; a torn line is read once it is complete.

        Args:
            path: the journal; it need not exist yet.
            bound: the folder that it must not lead out of.
            measure: the run's leading metric; ``None`` if the scores of its trials are plain.
            larger_is_better: the direction of the results.

        Raises:
            ValueError, OSError: it cannot be read.
        """
        self._measure, self._larger = measure, larger_is_better
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
                    lines.pop()  # the next reading begins with it
                self._read += sum(map(len, lines))
                for event in _parsed(lines):
                    if isinstance(event, dict):
                        self._take(event)

    def seconds_left(self, epochs: int | None, trials: int | None, devices: float) -> float | None:
        """Return the expected seconds until the end, ``None`` if they are unknown.

        Args:
            epochs: the number of epochs of a run without trials.
            trials: the number of trials.
            devices: how many the trials at a time occupy, as device-seconds count them.
        """
        if trials is not None and self._timed and self.device_seconds is not None:
            each = self.device_seconds / self._timed
            return max(trials - len(self.scores), 0) * each / devices
        if epochs is None or not self.epoch or self.scores:
            return None
        known = pairwise([_time(value) for value in self._times])
        gaps = [(b - a).total_seconds() for a, b in known if a is not None and b is not None]
        gaps = [gap for gap in gaps if gap >= 0]  # a clock may be set back
        each = median(gaps) if gaps else (self.device_seconds or 0.0) / self.epoch
        return max(epochs - self.epoch, 0) * each

    def _take(self, event: Event) -> None:
        """Count an event."""
        value: float | None = None
        if event.get("event") == "epoch" and event.get("trial") is None:
            self.epoch = whole(event.get("epoch")) or self.epoch
            self.device_seconds = number(event.get("seconds"))
            name = (self._measure or ACCURACY).name
            self.val = value = number(event.get(f"val_{name}"))
            self._times.append(event.get("time"))
        elif event.get("event") == "trial" and not event.get("known"):  # no new training
            place = whole(event.get("number"))
            if place is None:
                return
            seconds = number(event.get("seconds"))
            if place not in self.scores and seconds is not None:
                self.device_seconds = (self.device_seconds or 0.0) + max(seconds, 0.0)
                self._timed += 1
            self.scores[place] = value = measured(event.get("score"), self._measure)
        if value is not None and (
            self.best is None or (value > self.best if self._larger else value < self.best)
        ):
            self.best = value


def measured(score: Any, measure: Measure | None) -> float | None:
    """Return the metric of a trial's score, of which more is better; ``None`` if it is none."""
    found = number(score)
    return found if found is None or measure is None else measure.score(found)


def _parsed(lines: Sequence[bytes]) -> list[Any]:
    """Return the content of lines; those that are not JSON are skipped."""
    short = [
        line.partition(_WEIGHTS)[0] + b"}"
        if line.startswith(b'{"event": "epoch"') and _WEIGHTS in line
        else line
        for line in lines
    ]
    try:
        found: list[Any] = plain_json.parse(b"[" + b",".join(short) + b"]")  # takes half the time
        return found
    except UserError:
        found = []
    for line in short:
        try:
            found.append(plain_json.parse(line))
        except UserError:
            continue
    return found


def _time(value: Any) -> datetime | None:
    """Return a time with its zone, ``None`` for anything else."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def events_of(path: Path, bound: Path) -> list[dict[str, Any]]:
    """Return the journal of a run folder; nothing if it cannot be read or is too large."""
    journal = path / "journal.jsonl"
    return _events(journal, bound, signature(journal))


@lru_cache(maxsize=2)
def _events(journal: Path, bound: Path, now: Signature) -> list[dict[str, Any]]:
    """Return the events of a journal that has not changed since it had this signature."""
    try:
        return events_in(read_bytes(journal, bound, MOST_EVENTS))
    except ValueError:
        return []


def of_kind(events: Iterable[Event], kind: str) -> list[dict[str, Any]]:
    """Return the events of a kind; of an epoch that was reported again, the last report."""
    found = [dict(event) for event in events if event.get("event") == kind]
    if kind != "epoch":
        return found
    found = [event for event in found if whole(event.get("epoch")) is not None]
    by_epoch = {(text(e.get("trial")), text(e.get("fold")), e["epoch"]): e for e in found}
    return list(by_epoch.values())


def candidates(events: Iterable[Event]) -> dict[str, Any]:
    """Return the names of each decision's candidates, by label, if the journal has them."""
    found = [table(event.get("candidates")) for event in of_kind(events, "decisions")]
    return found[-1] if found else {}


def mixing_weights(epochs: Sequence[Event], names: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return each candidate's weight after every epoch, ``None`` if no epoch reports weights.

    Args:
        epochs: the journal's events of this kind, ascending.
        names: of each decision's candidates, by label; numbers stand in for missing ones.
    """
    weighted = [event for event in epochs if isinstance(event.get("weights"), dict)]
    if not weighted:
        return None
    choices = []
    for label in dict.fromkeys(label for event in weighted for label in event["weights"]):
        rows = [_row(event["weights"].get(label)) for event in weighted]
        known = _names(names.get(label), max(map(len, rows)))
        archs = [table(event.get("arch")) for event in weighted]
        derived = [text(arch.get(label)) for arch in archs]
        chosen = [known.index(name) if name in known else None for name in derived]
        choices.append(
            {
                "label": label,
                "candidates": known,
                "shares": rows,
                "chosen": chosen if any(place is not None for place in chosen) else None,
            }
        )
    return {"epochs": [event.get("epoch") for event in weighted], "choices": choices}


def weights_by_name(event: Event, names: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the weight of each candidate by name, by label, after one epoch."""
    found = {}
    for label, values in event["weights"].items():
        row = _row(values)
        known = _names(names.get(label), len(row))
        found[label] = {n: w for n, w in zip(known, row, strict=True) if w is not None}
    return found


def _row(values: Any) -> list[float | None]:
    return [number(value) for value in values] if isinstance(values, list) else []


def _names(names: Any, count: int) -> list[str]:
    """Return the names if there are ``count`` of them, numbers otherwise."""
    if isinstance(names, list) and len(names) == count:
        return [text(name) for name in names]
    return [str(place) for place in range(count)]
