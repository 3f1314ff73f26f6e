"""A run's events as JSON lines: append-only, and readable after any crash."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nasbench import plain_json
from nasbench.errors import UserError
from nasbench.store.atomic import open_to_append, telling_what_failed


class Journal:
    """``journal.jsonl``: one event per line, flushed to the disk.

    A kill can tear the last line, and a resumed run may append an epoch again; readers skip the
    torn line, and :meth:`epochs` keeps the last event of an epoch.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: str, **fields: Any) -> None:
        """Add one event; numbers that JSON lacks become null.

        Raises:
            UserError: the line cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"event": event, "time": now, **finite(fields)}, default=str)
        with telling_what_failed(self.path), open_to_append(self.path) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # the last line is torn
                    line = "\n" + line
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the events in order, all or those of one ``kind``; torn lines are skipped."""
        if not self.path.exists():
            return []
        return [e for e in events_in(self.path.read_bytes()) if kind in (None, e.get("event"))]

    def epochs(self) -> list[dict[str, Any]]:
        """Return the last event of each epoch, in order; events without a number are skipped."""
        numbered = [e for e in self.events("epoch") if number(e.get("epoch")) is not None]
        by_epoch = {(e.get("trial"), e.get("fold"), e["epoch"]): e for e in numbered}
        return list(by_epoch.values())


def events_in(content: bytes) -> list[dict[str, Any]]:
    """Return the events in a journal's bytes, without torn lines and other content."""
    found = []
    for line in content.splitlines():
        try:
            event = plain_json.parse(line)
        except UserError:
            continue
        if isinstance(event, dict):
            found.append(event)
    return found


def finite(value: Any) -> Any:
    """Return the value with ``None`` for numbers that JSON lacks, also inside containers."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def number(value: Any) -> float | None:
    """Return a finite number, ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if found - found == 0 else None


def table(value: Any) -> dict[str, Any]:
    """Return a table as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else {}
