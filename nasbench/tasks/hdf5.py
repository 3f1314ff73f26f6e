"""``--task data.h5:group``: arrays in a group of an HDF5 file, named as those of an ``.npz``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.config import TaskConfig
from nasbench.data import packed
from nasbench.errors import UserError
from nasbench.optional import require
from nasbench.tasks import arrays, own_data, packing, sources
from nasbench.tasks.base import Task
from nasbench.tasks.packing import Raw, Source

_DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # what h5py raises
_DEEPEST = 2  # groups in groups, as in train/images
_MOST_NAMES = 1000
_SMALL = 2**28  # bytes of targets or groups

Array = NDArray[Any]


def load(name: str, config: TaskConfig) -> Task:
    """Return the task of a group of an HDF5 file.

    Args:
        name: ``data.h5``, or ``data.h5:group``.
        config: how the data are read.

    Raises:
        UserError: h5py is missing, the file cannot be read, or its arrays do not fit.
    """
    packing.refuse(name, config, "size", "channels", "skip_bad", "columns")
    path, group = sources.paths(name)[0], sources.group(name)
    key = packed.key("hdf5", packing.stamp(path), group, config.target)

    def pack() -> None:
        raw = _read(name, path, group)
        packing.pack(name, key, raw, config.target, f"arrays of {sources.short(name)}")

    return own_data.cached(sources.short(name), key, pack)


def _read(name: str, path: Path, group: str) -> Raw:
    with _opened(name, path) as file:
        place = file
        if group:
            _refuse_links(name, file, group)
            place = file.get(group)
        if not hasattr(place, "keys"):
            here = ", ".join(list(file)[:8]) or "nothing"
            raise UserError(f"--task {name}: {path} has no group {group!r}; it holds {here}")
        names = list(_datasets(name, place))
    found, parts, notes = arrays.complete(f"--task {name}", names)

    def member(kind: str, part: str) -> Source:
        return _member(name, path, group, found[kind, part])

    def small(kind: str, part: str) -> Array:
        source = member(kind, part)
        if int(np.prod(source.shape)) * source.dtype.itemsize > _SMALL:
            raise UserError(f"--task {name}: {found[kind, part]} is larger than 256 MB")
        return np.concatenate(list(source.chunks()))

    return Raw(
        {part: member("x", part) for part in parts},
        {part: small("y", part) for part in parts},
        {part: small("groups", part) for part in parts if ("groups", part) in found},
        _texts(small("names", "")) if ("names", "") in found else (),
        notes=notes,
    )


def _texts(values: Array) -> list[str]:
    return [
        one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
        for one in values.tolist()
    ]


def _datasets(name: str, place: Any, above: str = "", depth: int = 1) -> Iterator[str]:
    """Yield the names of the arrays in a group and in those in it."""
    for count, key in enumerate(place):
        if count >= _MOST_NAMES:
            raise UserError(f"--task {name}: holds more than {_MOST_NAMES:,} names")
        _refuse_links(name, place, key)
        inside = place.get(key)
        if hasattr(inside, "keys"):
            if depth < _DEEPEST:
                yield from _datasets(name, inside, f"{above}{key}/", depth + 1)
        elif getattr(inside, "shape", None):
            yield f"{above}{key}"


def _refuse_links(name: str, place: Any, key: str) -> None:
    """Raise if a name leads to another file: a file must not choose what is read."""
    library = require("h5py", "an HDF5 file")
    for part in key.strip("/").split("/"):
        if not hasattr(place, "keys"):
            return
        if isinstance(place.get(part, getlink=True), library.ExternalLink):
            raise UserError(
                f"--task {name}: {part} is a link to another file, which is not followed"
            )
        place = place.get(part)
    if isinstance(place, library.Dataset) and (place.is_virtual or place.external):
        raise UserError(f"--task {name}: {key} lies in other files, which are not read")


def _member(name: str, path: Path, group: str, member: str) -> Source:
    """Return one array, of which only shape and type are read now."""
    inside = f"{group}/{member}" if group else member

    def chunks() -> Iterator[Array]:
        with _opened(name, path) as file:
            data = file[inside]
            each = packing.rows_at_once(data.shape, data.dtype)
            for start in range(0, len(data), each):
                yield np.asarray(data[start : start + each])

    with _opened(name, path) as file:
        data = file[inside]
        return Source(tuple(data.shape), data.dtype, chunks)


@contextmanager
def _opened(name: str, path: Path) -> Iterator[Any]:
    library = require("h5py", f"--task {name}")
    try:
        with plain_files.open_bytes(path):  # no pipe or device
            pass
        with library.File(path, "r") as file:
            yield file
    except UserError:
        raise
    except _DAMAGED as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"--task {name}: not a readable HDF5 file ({reason})") from error
