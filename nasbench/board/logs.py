"""What happened in a run or a trial, line by line: its journal, and what its command printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nasbench.board.files import opened, text, whole
from nasbench.board.history import Event, events_of, of_kind
from nasbench.board.runs import Run, shares
from nasbench.store.journal import number, table
from nasbench.store.runs import TRIALS

MOST_LINES = 1000
"""Lines of a log that are shown, from its end."""

MOST_PRINTED = 64 * 2**10
"""Bytes of a trial's standard output or error that are shown, from its end."""

_HEAD = ("event", "time", "number", "trial", "epoch", "fold", "round", "key", "error", "text")
_LONG = ("weights", "arch", "candidates", "reports", "costs", "arch_id")
_WIDE = 300  # characters of a line's figures
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")

Line = dict[str, str]


def of_run(run: Run, bound: Path) -> dict[str, Any]:
    """Return the log of a run: the time and the text of each event, the last ones."""
    events = events_of(run.path, bound)
    lines = [_line(event) for event in events[-MOST_LINES:]]
    if error := text(run.info.get("error")):
        lines.append({"time": "", "kind": "error", "text": f"{run.status}: {error}"})
    return {"lines": lines, "left_out": max(len(events) - MOST_LINES, 0)}


def of_trial(run: Run, bound: Path, place: int) -> dict[str, Any] | None:
    """Return the curves and the log of a trial, ``None`` if the run has none of this number.

    Args:
        run: a readable run.
        bound: the folder that no file may lead out of.
        place: the trial's number.
    """
    events = events_of(run.path, bound)
    own = [event for event in events if place in (event.get("trial"), event.get("number"))]
    if not own:
        return None
    epochs = [event for event in of_kind(own, "epoch") if event.get("trial") == place]
    printed = {
        n: _printed(run.path / TRIALS / str(place) / n, bound) for n in ("stdout", "stderr")
    }
    found = curves(epochs)
    return {
        "number": place,
        "curves": found,
        "shares": shares(run, [curve["name"].split(",")[0] for curve in found]),
        "lines": [_line(event) for event in own[-MOST_LINES:]],
        "printed": {name: content for name, content in printed.items() if content},
    }


def warnings_of(run: Run, checkpoint: Mapping[str, Any]) -> list[str]:
    """Return what the run warned of: the collapse watch of a search, in a line each."""
    found = table(checkpoint.get("watch")).get("verdict")
    lines = [text(line) for line in found] if isinstance(found, list) else []
    if run.info.get("verb") == "retrain":
        return [f"of the search: {line}" for line in lines]
    return lines


def notes_of(events: Iterable[Event]) -> list[str]:
    """Return the notes in a journal, each once."""
    return list(dict.fromkeys(text(event.get("text")) for event in of_kind(events, "note")))


def curves(epochs: Iterable[Event]) -> list[dict[str, Any]]:
    """Return the values of each metric over the epochs, separately for each fold."""
    found: dict[str, dict[str, Any]] = {}
    for event in epochs:
        fold = f", fold {text(event['fold'])}" if event.get("fold") is not None else ""
        for name, value in event.items():
            if name in ("epoch", "seconds", "trial", "fold") or (height := number(value)) is None:
                continue
            named = f"{name}{fold}"
            curve = found.setdefault(named, {"name": named, "x": [], "y": []})
            curve["x"].append(event["epoch"])
            curve["y"].append(height)
    return list(found.values())


def _line(event: Event) -> Line:
    """Return an event as a line of a log."""
    kind, error = text(event.get("event")), text(event.get("error"))
    parts = []
    if kind == "trial" or (kind == "suggested" and whole(event.get("number")) is not None):
        parts.append(f"trial {text(event.get('number'))}" + (" begins" if kind != "trial" else ""))
    elif event.get("trial") is not None:
        parts.append(f"trial {text(event['trial'])}")
    if event.get("fold") is not None:
        parts.append(f"fold {text(event['fold'])}")
    if event.get("epoch") is not None:
        parts.append(f"epoch {text(event['epoch'])}")
    if kind not in ("trial", "suggested", "epoch", "note"):
        parts.append(kind)
    said = f"failed: {error}" if error else text(event.get("text")) or _figures(event)
    line = ", ".join(parts)
    return {
        "time": text(event.get("time")),
        "kind": "error" if error else kind,
        "text": f"{line}: {said}" if line and said else line or said,
    }


def _figures(event: Event) -> str:
    pairs: list[tuple[str, Any]] = []
    for name, value in event.items():
        if name in ("parameters", "network"):
            pairs += table(value).items()
        elif name not in _HEAD and name not in _LONG and value is not None:
            pairs.append((name, value))
    said = (
        f"{text(n)} {v:.5g}" if isinstance(v, float) else f"{text(n)} {text(v)}" for n, v in pairs
    )
    line = ", ".join(said)
    return line if len(line) <= _WIDE else f"{line[:_WIDE]} …"


def _printed(path: Path, bound: Path) -> str:
    """Return the end of what a command printed, as a terminal would show it; ``""`` if nothing."""
    try:
        with opened(path, bound) as file:
            size = file.seek(0, 2)
            file.seek(max(size - MOST_PRINTED, 0))
            content = file.read(MOST_PRINTED).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
    lines = _ESCAPES.sub("", content).split("\n")
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in lines]  # a bar overwrites itself
    return "\n".join(shown).strip("\n")
