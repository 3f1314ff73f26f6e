"""Drawings of what a run found, and of what it would have found after each epoch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from nasbench import catalog
from nasbench.board import folder, weights
from nasbench.board.files import text, whole
from nasbench.board.runs import Seen
from nasbench.errors import UserError
from nasbench.graph import Graph, generic_graph
from nasbench.report.dot import dot_source
from nasbench.report.drawing import pictured

MOST_LABELS = 500  # what is larger is no architecture, and would keep Graphviz busy for long
NAME = re.compile(r"[0-9a-f]{12}-(cell|supernet)-(found|[0-9]{1,16})")
"""What a drawing is called: the run's key, what it shows, and the epoch."""

_UNFIT = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    UserError,
)
"""What comes of an architecture that is not its space's, or of a space that is not known."""

_LOCK = Lock()  # Graphviz, as a library, holds its state in the process


def listed(
    key: str, epochs: Sequence[Mapping[str, Any]], checkpoint: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return which drawings of a run there are, with their addresses.

    Args:
        key: the run's.
        epochs: the journal's events; those that tell an architecture are drawn.
        checkpoint: what the run found, empty where it has not ended.
    """
    found = [_frame(key, event["epoch"], bool(event.get("weights"))) for event in _drawn(epochs)]
    if not found and _drawable(checkpoint.get("arch")):
        found = [_frame(key, None, False)]
    return found


def draw(run: Seen, bound: Path, name: str) -> bytes | None:
    """Return a drawing as SVG, ``None`` where there is none of that name.

    Args:
        run: a readable one.
        bound: the folder that no file may lead out of.
        name: as :func:`listed` told it, without its folder and suffix.
    """
    match = NAME.fullmatch(name)
    if match is None:
        return None
    kind, place = match.groups()
    if place == "found":
        found = folder.checkpoint_of(run.path, bound)
        return _svg(_cell(_space(found, run), found.get("arch")))
    events = folder.events_of(run.path, bound)
    told = [e for e in _drawn(events) if e.get("epoch") == int(place)]
    if not told:
        return None
    event, space = told[-1], _space({}, run)
    if kind == "cell":
        return _svg(_cell(space, event["arch"]))
    shares = event.get("weights")
    if not isinstance(shares, dict):
        return None
    return _svg(
        _supernet(space, weights.of_epoch(event, folder.candidates(events)), event["arch"])
    )


def _drawn(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [
        event
        for event in events
        if event.get("event") == "epoch"
        and event.get("trial") is None
        and whole(event.get("epoch")) is not None
        and _drawable(event.get("arch"))
    ]


def _drawable(arch: Any) -> bool:
    return isinstance(arch, dict) and 0 < len(arch) <= MOST_LABELS


def _frame(key: str, epoch: int | None, mixed: bool) -> dict[str, Any]:
    place = "found" if epoch is None else epoch
    supernet = f"drawings/{key}-supernet-{place}.svg" if mixed else None
    return {"epoch": epoch, "cell": f"drawings/{key}-cell-{place}.svg", "supernet": supernet}


def _space(checkpoint: Mapping[str, Any], run: Seen) -> Any:
    """Return the search space's class; ``None`` for a file of somebody's, which is not run."""
    space = checkpoint.get("space")
    name = text(space.get("name") if isinstance(space, dict) else run.config.get("space"))
    return catalog.resolve("space", name) if name in catalog.SPACES else None


def _cell(space: Any, arch: Any) -> tuple[Graph, ...]:
    """Return the space's own picture of an architecture, a chain of its choices at worst."""
    if not _drawable(arch):
        return ()
    try:
        graphs: tuple[Graph, ...] = space.graphs(_plain(arch))
    except _UNFIT:
        graphs = (generic_graph("architecture", {k: text(v) for k, v in arch.items()}),)
    return graphs


def _supernet(
    space: Any, shares: Mapping[str, Mapping[str, float]], arch: Mapping[str, Any]
) -> tuple[Graph, ...]:
    try:
        graphs: tuple[Graph, ...] = space.supernet_graphs(shares, _plain(arch))
    except _UNFIT:
        return ()
    return graphs


def _plain(arch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the architecture with tuples, which JSON has as lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in arch.items()}


def _svg(graphs: Sequence[Graph]) -> bytes | None:
    return _pictured(dot_source(graphs)) if graphs else None


@lru_cache(maxsize=256)
def _pictured(source: str) -> bytes | None:
    """Return the picture; a cell that stays as it was for epochs is drawn once."""
    with _LOCK:
        return pictured(source, "svg")[0]
