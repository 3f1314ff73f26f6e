"""What a study leaves beside its runs and records."""

from __future__ import annotations

import json
from pathlib import Path

FILE = "study.json"


def note(results: Path) -> str:
    """Return what a reader of these results must know, ``""`` where there is nothing.

    Args:
        results: the folder that holds runs and records.
    """
    try:
        content = json.loads((results / FILE).read_text(encoding="utf-8"))
        return str(content.get("note", ""))
    except (OSError, ValueError, AttributeError):
        return ""
