"""Finding the single ``.npz`` of an event-camera data set that nobody downloads for the user."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from nasbench.data.locate import find, roots
from nasbench.errors import UserError

FOLDERS = (".", "events")


def locate(task: str, names: Sequence[str], data_dir: Path | None) -> Path:
    """Return the first of ``names`` below a root or in its folder ``events``.

    Args:
        task: that asks, for the error.
        names: of the file, the preferred one first.
        data_dir: the only folder to look in, or the file itself; None for the usual folders.

    Raises:
        UserError: there is none, and it is told what to put where; or it is no ``.npz`` file.
    """
    if data_dir is not None and data_dir.expanduser().is_file():
        return _archive(data_dir.expanduser())
    places = [str(Path(folder) / name) for folder in FOLDERS for name in names]
    found = find(places, data_dir, accept=Path.is_file)
    if found is None:
        looked = roots(data_dir)
        raise UserError(
            f"{task}: {' or '.join(names)} not found in {', '.join(map(str, looked))}: "
            f"put it into {looked[-1]}"
        )
    return _archive(found)


def _archive(path: Path) -> Path:
    """Return ``path``, after a look at its kind: NumPy reads others, such as ``.npy``, too."""
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path}: not a readable .npz file (not a ZIP archive)")
    return path
