"""Examples to predict: pictures, folders of pictures, tables that name pictures, and arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.data import decoding
from nasbench.data.preprocessing import Preprocessing
from nasbench.data.watching import watcher
from nasbench.errors import UserError
from nasbench.tasks.csv_table import ROLES, Table

Array = NDArray[Any]
Input = str | Path | Array

TABLES = (".csv", ".tsv")
ARRAYS = (".npy", ".npz")

Found = tuple[str, Array | str]
"""The name of an example, its file or ``X.npy[3]``, with the example ``(*shape)`` or, if it cannot
be read, with the reason."""


def examples(inputs: Iterable[Input], about: Preprocessing) -> Iterator[Found]:
    """Yield every example in the order of the inputs; folders in the order of their files' names.

    Args:
        inputs: pictures, folders, tables with a column ``file``, ``.npy`` and ``.npz`` files, and
            arrays ``(n, *shape)``.
        about: what the network expects.

    Raises:
        UserError: an input does not exist, cannot be opened, or holds nothing that fits.
    """
    for are_pictures, group in groupby(inputs, _is_picture):
        if are_pictures:  # decoded together
            yield from _pictures([Path(str(given)) for given in group], about)
            continue
        for given in group:
            if isinstance(given, str | Path):
                yield from _of_path(Path(given), about)
            else:
                yield from _rows(np.asarray(given), "array", about)


def check(inputs: Sequence[Input]) -> None:
    """Raise unless there are inputs, and all files and folders among them exist.

    Raises:
        UserError: one does not.
    """
    if not inputs:
        raise UserError("no INPUTS given: name pictures, folders, a CSV, .npy or .npz files")
    for given in inputs:
        if isinstance(given, str | Path) and not os.path.lexists(given):
            raise UserError(f"{given}: there is no such file or folder")


def _is_picture(given: Input) -> bool:
    if not isinstance(given, str | Path):
        return False
    return Path(given).suffix.lower() not in (*TABLES, *ARRAYS) and not Path(given).is_dir()


def _of_path(path: Path, about: Preprocessing) -> Iterator[Found]:
    kind = path.suffix.lower()
    if path.is_dir():
        paths = list(_pictures_in(path))
        if not paths:
            raise UserError(f"{path}: holds no pictures")
        yield from _pictures(paths, about)
    elif kind in TABLES:
        yield from _pictures(_pictures_of(path), about)
    else:
        yield from _of_arrays(path, about)


def _pictures(paths: Sequence[Path], about: Preprocessing) -> Iterator[Found]:
    """Yield pictures, which several processes decode ahead of the network."""
    if not about.takes_pictures:
        raise UserError(
            f"{paths[0]}: the network takes {about.dtype} of the shape {about.shape}, no "
            "pictures: give .npy or .npz files"
        )
    found = decoding.pictures(paths, about.size[0], about.shape[0])
    with watcher().progress("predicting", len(paths)) as step:
        for path, one in zip(paths, found, strict=True):
            yield str(path), one.reason if isinstance(one, decoding.Bad) else one.pixels
            step(1)


def _pictures_in(folder: Path) -> Iterator[Path]:
    """Yield the pictures in a folder and in those below it, without hidden ones."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in decoding.SUFFIXES:
                yield Path(place) / name


def _pictures_of(path: Path) -> list[Path]:
    """Return the pictures that a table names, relative to its folder."""
    table = Table.read(str(path), path)
    column = next((name for name in table.cells if name.lower() in ROLES["file"]), None)
    if column is None:
        raise UserError(
            f"{path}: no column names the pictures: columns are {', '.join(table.cells)}; "
            f"allowed: {', '.join(ROLES['file'])}"
        )
    return [path.parent / name for name in table.texts(column).tolist()]


def _of_arrays(path: Path, about: Preprocessing) -> Iterator[Found]:
    try:
        with plain_files.open_bytes(path):  # no pipe or device
            pass
        loaded: Any = np.load(path, mmap_mode="r", allow_pickle=False)
        array = _chosen(loaded, about) if isinstance(loaded, Mapping) else loaded
    except (OSError, ValueError, EOFError, KeyError, UserError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: {reason}") from error
    yield from _rows(array, str(path), about)


def _chosen(arrays: Mapping[str, Array], about: Preprocessing) -> Array:
    """Return that array of an ``.npz`` file whose examples have the right shape."""
    found = {name: arrays[name] for name in arrays}
    fitting = [name for name, array in found.items() if _as_batch(array, about) is not None]
    if len(fitting) != 1:
        shapes = ", ".join(f"{name} {array.dtype}{array.shape}" for name, array in found.items())
        many = "several arrays" if fitting else "no array"
        raise UserError(
            f"holds {many} of {about.dtype} (n, {', '.join(map(str, about.shape))}): {shapes}"
        )
    return found[fitting[0]]


def _as_batch(array: Array, about: Preprocessing) -> Array | None:
    """Return an array as ``(n, *shape)``, ``None`` if it does not fit.

    Images may also be ``(n, height, width, channels)``, gray ones ``(n, height, width)``, and a
    single example may lack ``n``.
    """
    if not _fits(array.dtype, about.dtype):
        return None
    shape = about.shape
    if array.shape == shape:
        return array[None]
    if array.shape[1:] == shape:
        return array
    if len(shape) == 3:
        channels, *sides = shape
        if array.shape[1:] == (*sides, channels):
            return np.moveaxis(array, -1, 1)
        if channels == 1 and array.shape[1:] == tuple(sides):
            return array[:, None]
    return None


def _fits(found: np.dtype[Any], wanted: str) -> bool:
    if wanted == "uint8":
        return found == np.uint8
    return found.kind in ("iu" if wanted == "int64" else "iuf")


def _rows(array: Array, name: str, about: Preprocessing) -> Iterator[Found]:
    batch = _as_batch(array, about)
    if batch is None:
        raise UserError(
            f"{name}: is {array.dtype} {array.shape}, and the network takes {about.dtype} "
            f"(n, {', '.join(map(str, about.shape))})"
        )
    for number in range(len(batch)):
        row = _row(batch[number], about)
        yield f"{name}[{number}]", row


def _row(given: Array, about: Preprocessing) -> Array | str:
    row = np.asarray(given, dtype=about.dtype)
    if about.dtype == "float32" and not np.isfinite(row).all():
        return "holds a value that is no finite number"
    if about.dtype == "int64" and not ((row >= 0) & (row < about.vocabulary)).all():
        return f"holds a token outside of 0 to {about.vocabulary - 1}"
    return row
