"""``study.json``, which a study writes beside its runs and records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nasbench import plain_json
from nasbench.errors import UserError

FILE = "study.json"


def read(results: Path) -> tuple[str, set[str]] | None:
    """Return a study's task and the names of its entries, or ``None`` if there is none.

    Args:
        results: the folder that holds its runs and records.
    """
    try:
        content = plain_json.read(results / FILE)
        return str(content["task"]), set(content["entries"])
    except (UserError, TypeError, KeyError):
        return None


@dataclass(frozen=True)
class Cost:
    """What the runs of a study took.

    Attributes:
        scale: of the study.
        seconds: device-seconds of a run, by entry.
        passes: training images seen in a run, by entry; earlier versions did not write them.
    """

    scale: float
    seconds: Mapping[str, float]
    passes: Mapping[str, float]


def cost(results: Path) -> Cost | None:
    """Return what the runs of a study took, or ``None`` if there is none.

    Args:
        results: the folder that holds its runs and records.
    """
    try:
        content = plain_json.read(results / FILE)
        seconds, passes = {}, {}
        for name, entry in content["entries"].items():
            runs = len(entry.get("accuracies") or entry.get("results") or ())
            if runs:
                seconds[str(name)] = float(entry["device_seconds"]) / runs
            if isinstance(seen := entry.get("passes"), int | float):
                passes[str(name)] = float(seen)
        return Cost(float(content["scale"]), seconds, passes)
    except (UserError, ValueError, TypeError, AttributeError, KeyError):
        return None


def note(results: Path) -> str:
    """Return the study's note to readers of its results, or ``""``.

    Args:
        results: the folder that holds runs and records.
    """
    try:
        content = plain_json.read(results / FILE)
        return str(content.get("note", ""))
    except (UserError, AttributeError):
        return ""
