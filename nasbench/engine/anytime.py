"""The best validation accuracy so far against the cost so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def curve(trials: Iterable[Mapping[str, Any]]) -> list[list[float]]:
    """Return the steps of the anytime curve.

    Args:
        trials: ``trial`` events of the journal, in the order in which they ended.

    Returns:
        ``[device-seconds, validation accuracy]`` wherever the best so far grows.
    """
    seconds, best = 0.0, -1.0
    points: list[list[float]] = []
    for trial in trials:
        seconds += trial["seconds"]
        score = trial.get("score")
        if score is not None and score > best:
            best = score
            points.append([seconds, best])
    return points
