"""What ``--task`` may name besides a built-in task: the user's own data, or code that gives it.

Nothing here imports torch or reads data.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from nasbench import catalog, known_code
from nasbench.errors import UserError, unknown

Kind = Literal["table", "code", "torchvision", "folder", "csv", "arrays", "hdf5"]

FORMS = ("images/", "labels.csv", "data.npz", "X.npy,y.npy", "data.h5:group", "torchvision:SVHN")
"""What a user may write for data of his own; ``file.py:Name`` is code."""

_TABLES = (".csv", ".tsv")
_ARRAYS = (".npz", ".npy")
_HDF5 = (".h5", ".hdf5")
_PLACES = ("folder", "csv", "arrays", "hdf5")


def kind(name: str) -> Kind | None:
    """Return what a task's name is, ``None`` if it is nothing known."""
    if name in catalog.TASKS:
        return "table"
    if name.startswith("torchvision:"):
        return "torchvision"
    where = name.rpartition(":")[0]
    small = name.lower()
    if small.endswith(_HDF5) or where.lower().endswith(_HDF5):
        return "hdf5"
    if small.endswith(_TABLES):
        return "csv"
    if small.endswith(_ARRAYS):
        return "arrays"
    if _is_folder(name) or name.endswith("/"):
        return "folder"
    return "code" if where else None


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # too long; no home; a NUL
        return False


def is_place(name: str) -> bool:
    """Return whether a task's name is a place on the disk, which a file must not choose."""
    return kind(name) in _PLACES


def check(name: str) -> None:
    """Raise unless a task's name is one that can be opened.

    Raises:
        UserError: it is unknown; the nearest names are suggested.
    """
    found = kind(name)
    if found is None:
        raise unknown("task", name, [*catalog.TASKS, *FORMS, "file.py:Name"])
    if found == "code":
        catalog.check("task", name)
    if found in _PLACES:
        for path in paths(name):
            if not path.exists():
                raise UserError(f"--task {name}: there is no {path}")


def paths(name: str) -> tuple[Path, ...]:
    """Return the files or the folder that a place names."""
    if kind(name) == "arrays" and not Path(name).is_file():  # whose name may hold a comma
        return tuple(Path(part).expanduser() for part in name.split(","))
    return (Path(_split(name)[0]).expanduser(),)


def group(name: str) -> str:
    """Return what is named inside of an HDF5 file, ``""`` for its root."""
    return _split(name)[1]


def _split(name: str) -> tuple[str, str]:
    where, _, inside = name.rpartition(":")
    return (where, inside) if where.lower().endswith(_HDF5) else (name, "")


def located(name: str) -> str:
    """Return a task's name that means the same from every working folder."""
    if not is_place(name):
        return name
    _, inside = _split(name)
    return ",".join(str(path.absolute()) for path in paths(name)) + (
        f":{inside}" if inside else ""
    )


def short(name: str) -> str:
    """Return a task's name without folders, for records, tables and names of run folders."""
    if not is_place(name):
        return catalog.short(name)
    _, inside = _split(name)
    return ",".join(path.name for path in paths(name)) + (f":{inside}" if inside else "")


def places(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in which the task is left out unless it is a place on the disk.

    So :mod:`nasbench.known_code` asks whose choice it is.
    """
    task = config.get("task")
    return {**config, "task": task if isinstance(task, str) and is_place(task) else None}


def check_known(name: str) -> None:
    """Raise unless a task that a file names may be opened; nothing is read.

    Raises:
        UserError: it names code or a place that this user never named.
    """
    if kind(name) in ("table", "torchvision"):
        return
    if is_place(name):
        known_code.check_places({"task": name})
        return
    catalog.check_known("task", name)
