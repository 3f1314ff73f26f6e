"""The trials of a run, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nasbench.board.files import text, whole
from nasbench.store.journal import number

_DECADES = 100  # a parameter whose values span so much is shown on a logarithmic axis


def columns(events: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the trials of a journal, ``None`` where there is none.

    Args:
        events: of the kind ``trial``; the last telling of a number counts.
    """
    told = {place: event for event in events if (place := whole(event.get("number"))) is not None}
    if not told:
        return None
    trials = [told[place] for place in sorted(told)]
    reports = [_reports(trial.get("reports")) for trial in trials]
    return {
        "number": sorted(told),
        "score": [number(trial.get("score")) for trial in trials],
        "error": [text(trial.get("error")) for trial in trials],
        "seconds": [number(trial.get("seconds")) for trial in trials],
        "epochs": [number(trial.get("epochs")) for trial in trials],
        "columns": _columns([_choices(trial) for trial in trials]),
        "reports": reports if any(reports) else None,
    }


def _choices(trial: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was tried: hyperparameters, or an architecture."""
    for name in ("parameters", "arch"):
        found = trial.get(name)
        if isinstance(found, dict):
            return found
    return {}


def _columns(choices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for one in choices for name in one)
    return [_column(name, [one.get(name) for one in choices]) for name in names]


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    there = [value for value in values if value is not None]
    numbers = [found for value in there if (found := number(value)) is not None]
    if not numbers or len(numbers) < len(there):
        words = [None if value is None else text(value) for value in values]
        return {"name": name, "kind": "category", "log": False, "values": words}
    log = min(numbers) > 0 and max(numbers) >= _DECADES * min(numbers)
    return {"name": name, "kind": "number", "log": log, "values": [number(v) for v in values]}


def _reports(values: Any) -> list[float]:
    """Return the intermediate values that are numbers."""
    listed = values if isinstance(values, list) else []
    return [found for value in listed if (found := number(value)) is not None]
