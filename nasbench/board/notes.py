"""Notes and tags that a reader gives to a run; they lie in the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench.board.files import inside, read_json, text
from nasbench.errors import UserError
from nasbench.store.atomic import write_json

FILE = "notes.json"
FORMAT = "nasbench-notes/1"
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 40, 4000


def read(run: Path, bound: Path) -> dict[str, Any]:
    """Return ``tags`` and ``note`` of a run, empty if it has none."""
    try:
        return _checked(read_json(run / FILE, bound))
    except (ValueError, UserError):
        return {"tags": [], "note": ""}


def write(run: Path, bound: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep ``tags`` and ``note`` in a run's folder and return them.

    Raises:
        UserError: they are too long or no texts, or the file cannot be written.
    """
    if not inside(run, bound) or (run / FILE).is_symlink():
        raise UserError(f"{FILE}: the run's folder leads elsewhere")
    found = _checked(given)
    write_json(run / FILE, {"format": FORMAT, **found})
    return found


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return tags, each once, and the note.

    Raises:
        UserError: they are too long or no texts.
    """
    tags, note = given.get("tags", []), given.get("note", "")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in (*tags, note)):
        raise UserError("tags: expected a list of texts, and a text as the note")
    tags = list(dict.fromkeys(text(" ".join(tag.split())) for tag in tags if tag.strip()))
    if len(tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in tags):
        raise UserError(f"tags: at most {MOST_TAGS}, of at most {LONGEST_TAG} characters each")
    if len(note) > LONGEST_NOTE:
        raise UserError(f"note: at most {LONGEST_NOTE:,} characters")
    return {"tags": tags, "note": text(note)}
