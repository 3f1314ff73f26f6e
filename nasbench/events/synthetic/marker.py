"""The file that tells a folder of made-up recordings from one of real ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from nasbench.events.layout import Recording

NAME = "synthetic.json"
FORMAT = "nasbench-synthetic/1"


def write(folder: Path, seed: int) -> None:
    """Mark ``folder``, which is made where it is missing.

    Args:
        folder: of the recordings.
        seed: that they are drawn from.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{NAME}"
    temporary.write_text(json.dumps({"format": FORMAT, "seed": seed}) + "\n")
    temporary.replace(folder / NAME)


def is_of(folder: Path, seed: int) -> bool:
    """Return whether ``folder`` is marked as made up from ``seed``."""
    try:
        return bool(json.loads((folder / NAME).read_bytes()) == {"format": FORMAT, "seed": seed})
    except (OSError, ValueError):
        return False


def attributes(recordings: Iterable[Recording]) -> dict[str, str]:
    """Return the attribute that marks images of ``recordings``, if one of them was made up."""
    paths = {recording.path.resolve() for recording in recordings}
    # {split}/{person}/{walk}.txt: the mark is found from a single recording or person, too.
    folders = {folder for path in paths for folder in path.parents[:3]}
    made_up = any((folder / NAME).is_file() for folder in folders)
    return {"synthetic": "made-up walkers, no real recordings"} if made_up else {}
