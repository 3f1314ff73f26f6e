"""Drawings of the architecture that a run found, and of the derived one after each epoch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from nasbench import catalog
from nasbench.board.files import checkpoint_of, text, whole
from nasbench.board.history import candidates, events_of, weights_by_name
from nasbench.board.runs import Run
from nasbench.errors import UserError
from nasbench.graph import Graph, generic_graph
from nasbench.report.dot import dot_source
from nasbench.report.drawing import pictured

MOST_LABELS = 500  # a larger one is not an architecture and would keep Graphviz busy for long
NAME = re.compile(r"[0-9a-f]{12}-(cell|supernet)-(found|[0-9]{1,16})")
"""The name of a drawing: the run's key, what it shows, and the epoch."""

_UNFIT = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    UserError,
)
"""Raised for an architecture of another space, or for an unknown space."""

_LOCK = Lock()  # Graphviz, as a library, holds its state in the process


def listed(
    key: str, epochs: Iterable[Mapping[str, Any]], checkpoint: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the drawings of a run, with their addresses.

    Args:
        key: of the run.
        epochs: the journal's events; those with an architecture are drawn.
        checkpoint: the content of the run's checkpoint, empty if it has not ended.
    """
    frames = [(event["epoch"], bool(event.get("weights"))) for event in _with_arch(epochs)]
    if not frames and _drawable(checkpoint.get("arch")):
        frames = [(None, False)]
    found = []
    for epoch, mixed in frames:
        place = "found" if epoch is None else epoch
        supernet = f"drawings/{key}-supernet-{place}.svg" if mixed else None
        cell = f"drawings/{key}-cell-{place}.svg"
        found.append({"epoch": epoch, "cell": cell, "supernet": supernet})
    return found


def draw(run: Run, bound: Path, name: str) -> bytes | None:
    """Return a drawing as SVG, ``None`` if there is none of that name.

    Args:
        run: a readable run.
        bound: the folder that no file may lead out of.
        name: from :func:`listed`, without its folder and suffix.
    """
    match = NAME.fullmatch(name)
    if match is None:
        return None
    kind, place = match.groups()
    if place == "found":
        checkpoint = checkpoint_of(run.path, bound)
        graphs = _cell(_space(checkpoint, run), checkpoint.get("arch"))
    else:
        events = events_of(run.path, bound)
        found = [e for e in _with_arch(events) if e.get("epoch") == int(place)]
        if not found:
            return None
        event, space = found[-1], _space({}, run)
        if kind == "cell":
            graphs = _cell(space, event["arch"])
        elif isinstance(event.get("weights"), dict):
            weights = weights_by_name(event, candidates(events))
            try:
                graphs = space.supernet_graphs(weights, _with_tuples(event["arch"]))
            except _UNFIT:
                return None
        else:
            return None
    return _picture(dot_source(graphs)) if graphs else None


def _with_arch(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the epochs outside of trials that report an architecture."""
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


def _space(checkpoint: Mapping[str, Any], run: Run) -> Any:
    """Return the search space's class; ``None`` for a user's own file, whose code is not run."""
    space = checkpoint.get("space")
    name = text(space.get("name") if isinstance(space, dict) else run.config.get("space"))
    return catalog.resolve("space", name) if name in catalog.SPACES else None


def _cell(space: Any, arch: Any) -> tuple[Graph, ...]:
    """Return the space's graphs of an architecture, or else a chain of its choices."""
    if not _drawable(arch):
        return ()
    try:
        graphs: tuple[Graph, ...] = space.graphs(_with_tuples(arch))
    except _UNFIT:
        graphs = (generic_graph("architecture", {k: text(v) for k, v in arch.items()}),)
    return graphs


def _with_tuples(arch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the architecture with tuples, which JSON stores as lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in arch.items()}


@lru_cache(maxsize=256)
def _picture(source: str) -> bytes | None:
    """Return the SVG; cached, since a cell often stays the same for several epochs."""
    with _LOCK:
        return pictured(source, "svg")[0]
