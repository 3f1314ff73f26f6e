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
from nasbench.graph import Figure, generic_graph
from nasbench.report.drawing import pictured

MOST_LABELS = 500  # a larger one is not an architecture and would keep Graphviz busy for long
NAME = re.compile(r"[0-9a-f]{12}-(cell|supernet|trial)-(found|[0-9]{1,16})")
"""The name of a drawing: the run's key, what it shows, and the epoch or the trial."""

_OF_CELLS = ("darts", "nas-bench-201")

_UNFIT = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    UserError,
)
"""Raised for an architecture of another space, or for an unknown space."""

_WIDE = re.compile("channel|width|height|size|hidden|classes|outputs|vocabulary")
_WIDEST, _DEEPEST = 4096, 64

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


def word(space: str, whole: bool) -> str:
    """Return the word for what is drawn of an architecture.

    Args:
        space: the name of its search space.
        whole: whether the shape of the data is known, so that the network is drawn too.
    """
    if space in _OF_CELLS:
        return "cells and network" if whole else "cells"
    return "network" if space in catalog.SPACES and whole else "architecture"


def word_of(run: Run, checkpoint: Mapping[str, Any]) -> str:
    """Return the word for what is drawn of a run."""
    return word(_name(checkpoint, run), isinstance(checkpoint.get("data"), dict))


def of_record(space: str, arch: Any) -> bytes | None:
    """Return the drawing of an architecture as SVG, ``None`` if it cannot be drawn."""
    figures = _cell({"space": {"name": space}}, arch, Run(Path(), ""))
    return _picture(figures) if figures else None


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
    graphs: tuple[Figure, ...]
    if kind == "trial":
        trials = [e for e in events_of(run.path, bound) if e.get("event") == "trial"]
        own = [e.get("arch") for e in trials if text(e.get("number")) == place]
        graphs = _cell(checkpoint_of(run.path, bound), own[-1] if own else None, run)
    elif place == "found":
        checkpoint = checkpoint_of(run.path, bound)
        graphs = _cell(checkpoint, checkpoint.get("arch"), run)
    else:
        events = events_of(run.path, bound)
        found = [e for e in _with_arch(events) if e.get("epoch") == int(place)]
        if not found:
            return None
        event, space = found[-1], _space({}, run)
        if kind == "cell":
            graphs = _cell(checkpoint_of(run.path, bound), event["arch"], run)
        elif isinstance(event.get("weights"), dict):
            weights = weights_by_name(event, candidates(events))
            try:
                graphs = space.supernet_graphs(weights, _with_tuples(event["arch"]))
            except _UNFIT:
                return None
        else:
            return None
    return _picture(graphs) if graphs else None


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
    name = _name(checkpoint, run)
    return catalog.resolve("space", name) if name in catalog.SPACES else None


def _name(checkpoint: Mapping[str, Any], run: Run) -> str:
    space = checkpoint.get("space")
    return text(space.get("name") if isinstance(space, dict) else run.config.get("space"))


def _cell(checkpoint: Mapping[str, Any], arch: Any, run: Run) -> tuple[Figure, ...]:
    """Return the figures of an architecture, or else a chain of its choices.

    The checkpoint says the shape of the data and the space's arguments; before it is written,
    and for arguments that would make a network of any size, only cells are drawn.
    """
    if not _drawable(arch):
        return ()
    space, data = _space(checkpoint, run), checkpoint.get("data")
    named = checkpoint.get("space")
    arguments = named.get("arguments") if isinstance(named, dict) else None
    try:
        if isinstance(data, dict) and _modest(data) and _modest(arguments or {}):
            found = space.figures(_with_tuples(arch), data, arguments or {})
            return tuple(found.parts)
        graphs: tuple[Figure, ...] = space.graphs(_with_tuples(arch))
    except _UNFIT:
        graphs = (generic_graph("architecture", {k: text(v) for k, v in arch.items()}),)
    return graphs


def _modest(facts: Mapping[str, Any]) -> bool:
    """Return whether no number in a file asks for a network that would keep the page busy."""
    for name, value in facts.items():
        most = _WIDEST if _WIDE.search(name) else _DEEPEST
        if isinstance(value, list) and all(isinstance(one, int) for one in value):
            most, value = _WIDEST, max(map(abs, value), default=0)
        if isinstance(value, str):
            most, value = _WIDEST, len(value)
        if not isinstance(value, int | float) or abs(value) > most:
            return False
    return True


def _with_tuples(arch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the architecture with tuples, which JSON stores as lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in arch.items()}


@lru_cache(maxsize=256)
def _picture(figures: tuple[Figure, ...]) -> bytes | None:
    """Return the SVG; cached, since a cell often stays the same for several epochs."""
    with _LOCK:
        return pictured(figures, "svg")[0]
