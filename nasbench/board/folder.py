"""What a run folder holds besides ``run.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from nasbench.board.files import (
    MOST_EVENTS,
    Signature,
    read_bytes,
    read_json,
    signature,
    text,
    whole,
)
from nasbench.store.journal import events_in, table


def events_of(path: Path, bound: Path) -> list[dict[str, Any]]:
    """Return a run's journal; nothing where it cannot be read, or is too large."""
    journal = path / "journal.jsonl"
    return _events(journal, bound, signature(journal))


@lru_cache(maxsize=2)
def _events(journal: Path, bound: Path, now: Signature) -> list[dict[str, Any]]:
    """Return the events of a journal that has not changed since it had this signature."""
    try:
        return events_in(read_bytes(journal, bound, MOST_EVENTS))
    except ValueError:
        return []


def checkpoint_of(path: Path, bound: Path) -> dict[str, Any]:
    """Return what the run's ``checkpoint.json`` holds, nothing where there is none."""
    try:
        return read_json(path / "checkpoint.json", bound)
    except ValueError:
        return {}


def candidates(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the names of each decision's candidates, by label, where the journal tells them."""
    told = [table(event.get("candidates")) for event in of_kind(events, "decisions")]
    return told[-1] if told else {}


def of_kind(events: Sequence[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the events of a kind; of an epoch that was told again, the last telling."""
    found = [dict(event) for event in events if event.get("event") == kind]
    if kind != "epoch":
        return found
    found = [event for event in found if whole(event.get("epoch")) is not None]
    by_epoch = {(text(e.get("trial")), text(e.get("fold")), e["epoch"]): e for e in found}
    return list(by_epoch.values())
