"""The course of a one-shot search: each candidate's share after every epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nasbench.board.files import text
from nasbench.store.journal import number

Event = Mapping[str, Any]


def shares(epochs: Sequence[Event], candidates: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the mixing weights over time, ``None`` where no epoch tells any.

    Args:
        epochs: the journal's events of this kind, ascending.
        candidates: the names of each decision's candidates, by label; numbers stand in for
            those that are missing.
    """
    told = [event for event in epochs if isinstance(event.get("weights"), dict)]
    if not told:
        return None
    labels = dict.fromkeys(label for event in told for label in event["weights"])
    choices = [_choice(label, told, candidates.get(label)) for label in labels]
    return {"epochs": [event.get("epoch") for event in told], "choices": choices}


def of_epoch(event: Event, candidates: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return each candidate's share by name, by label, as a drawing of the supernet needs it."""
    found = {}
    for label, values in event["weights"].items():
        row = _row(values)
        names = _names(candidates.get(label), len(row))
        found[label] = {n: w for n, w in zip(names, row, strict=True) if w is not None}
    return found


def _choice(label: str, told: Sequence[Event], names: Any) -> dict[str, Any]:
    rows = [_row(event["weights"].get(label)) for event in told]
    known = _names(names, max(map(len, rows)))
    chosen = [_place(event, label, known) for event in told]
    return {
        "label": label,
        "candidates": known,
        "shares": rows,
        "chosen": chosen if any(place is not None for place in chosen) else None,
    }


def _row(values: Any) -> list[float | None]:
    return [number(value) for value in values] if isinstance(values, list) else []


def _names(names: Any, count: int) -> list[str]:
    """Return as many names as there are weights."""
    if isinstance(names, list) and len(names) == count:
        return [text(name) for name in names]
    return [str(place) for place in range(count)]


def _place(event: Event, label: str, names: Sequence[str]) -> int | None:
    """Return which candidate the architecture of the epoch has, where it has one alone."""
    arch = event.get("arch")
    chosen = text(arch.get(label)) if isinstance(arch, dict) else ""
    return names.index(chosen) if chosen in names else None
