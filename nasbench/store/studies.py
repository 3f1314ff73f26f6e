"""``study.json``, which a study writes beside its runs and records."""

from __future__ import annotations

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


def cost(results: Path) -> tuple[float, dict[str, float]] | None:
    """Return a study's scale and each entry's device-seconds per run, or ``None`` without one.

    Args:
        results: the folder that holds its runs and records.
    """
    try:
        content = plain_json.read(results / FILE)
        took = {
            str(name): float(entry["device_seconds"]) / len(entry["accuracies"])
            for name, entry in content["entries"].items()
            if entry["accuracies"]
        }
        return float(content["scale"]), took
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
