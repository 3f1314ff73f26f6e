"""Finds the files of event-camera tasks, which are not downloaded."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from nasbench.data.locate import find, roots
from nasbench.errors import UserError

GAIT_PAIR = ("gait-train.h5", "gait-test.h5")
GAIT_WHOLE = "gait.h5"
_NPZ_FOLDERS = (".", "events")
_GAIT_FOLDERS = (".", "gait", "events", "DVS128-Gait")


def locate_npz(task: str, names: Sequence[str], data_dir: Path | None) -> Path:
    """Return the first of ``names`` found below a root or in its folder ``events``.

    Args:
        task: name of the task, for error messages.
        names: possible names of the file, the preferred one first.
        data_dir: the only folder to look in, or the file itself; ``None`` for the usual folders.

    Raises:
        UserError: there is no such file, or it is not an ``.npz`` file.
    """
    if data_dir is not None and data_dir.expanduser().is_file():
        return _check_zip(data_dir.expanduser())
    places = [str(Path(folder) / name) for folder in _NPZ_FOLDERS for name in names]
    found = find(places, data_dir, accept=Path.is_file)
    if found is None:
        looked = roots(data_dir)
        raise UserError(
            f"{task}: {' or '.join(names)} not found in {', '.join(map(str, looked))}: "
            f"put it into {looked[-1]}"
        )
    return _check_zip(found)


def _check_zip(path: Path) -> Path:
    """Return ``path`` if it is a ZIP archive; NumPy would also load other files, such as .npy."""
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path}: not a readable .npz file (not a ZIP archive)")
    return path


def locate_gait(data_dir: Path | None) -> list[Path]:
    """Return the training and the test file of a gait task, or the one file with both.

    Args:
        data_dir: the only folder to look in, or one of the files; ``None`` for the usual folders.

    Raises:
        UserError: there are none, or there are both kinds, one of which may be out of date.
    """
    if data_dir is not None and data_dir.expanduser().is_file():
        return with_sibling(data_dir.expanduser())
    pair = find(_GAIT_FOLDERS, data_dir, accept=has_pair)
    names = [f"{folder}/{GAIT_WHOLE}" for folder in _GAIT_FOLDERS]
    whole = find(names, data_dir, accept=Path.is_file)
    if pair is not None and whole is not None:
        raise UserError(
            f"gait: found both {pair / GAIT_PAIR[0]} and {whole}: choose one with --data-dir"
        )
    if pair is not None:
        return [pair / name for name in GAIT_PAIR]
    if whole is None:
        looked = roots(data_dir)
        raise UserError(
            f"gait: neither {' and '.join(GAIT_PAIR)} nor {GAIT_WHOLE} found in "
            f"{', '.join(map(str, looked))}: "
            f"make them with 'nasbench data gait RECORDINGS --out {looked[-1] / GAIT_WHOLE}'"
        )
    return [whole]


def has_pair(folder: Path) -> bool:
    """Return whether a folder holds both the training and the test file of a gait task."""
    return all((folder / name).is_file() for name in GAIT_PAIR)


def with_sibling(path: Path) -> list[Path]:
    """Return the training and the test file, given one of them, or the one file with both.

    Raises:
        UserError: the other one is missing.
    """
    for ours, other in (("-train", "-test"), ("-test", "-train")):
        if path.stem.endswith(ours):
            sibling = path.with_name(path.stem.removesuffix(ours) + other + path.suffix)
            if not sibling.is_file():
                raise UserError(f"--data-dir {path}: {sibling.name} is missing beside it")
            return [path, sibling] if ours == "-train" else [sibling, path]
    return [path]
