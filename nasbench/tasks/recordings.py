"""A folder of event recordings as a task: a subfolder for each class, as N-MNIST is published.

Each recording becomes one event image, as in the task ``nmnist``: counts and last times of
brighter and darker events.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.config import TaskConfig
from nasbench.data import packed
from nasbench.data.watching import watcher
from nasbench.errors import UserError
from nasbench.events import atis, formats
from nasbench.events.events import MAX_COORDINATE, RecordingError, Size
from nasbench.events.formats import SUFFIXES
from nasbench.events.images import Window, images
from nasbench.events.processes import parallel_map
from nasbench.events.recordings import natural
from nasbench.tasks import own_data, packing, sources
from nasbench.tasks.base import Task
from nasbench.tasks.csv_table import SPLITS
from nasbench.tasks.packing import Raw, Source

_VERSION = 1
_AMBIGUOUS = (".txt", ".npz")  # may lie in a folder of anything
_FEW = 64  # recordings that are read faster than a process starts
_SHOWN = 5

Array = NDArray[Any]


@dataclass(frozen=True)
class Found:
    """A recording in the folder.

    Attributes:
        path: of its file.
        part: ``train``, ``val`` or ``test``.
        label: name of its class.
    """

    path: Path
    part: str
    label: str


def holds_recordings(folder: Path) -> bool:
    """Return whether the first files below a folder are event recordings, by their names."""
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(one for one in inner if not one.startswith("."))
        found = sorted(Path(place) / one for one in names if not one.startswith("."))
        for path in found[:20]:
            suffix = path.suffix.lower()
            if suffix in SUFFIXES and path.parent != folder:
                return suffix not in _AMBIGUOUS or _is_recording(path)
        if found and Path(place) != folder:
            return False
    return False


def _is_recording(path: Path) -> bool:
    try:
        formats.read(path)
    except (UserError, OSError):
        return False
    return True


def load(name: str, config: TaskConfig) -> Task:
    """Return the task of a folder ``[train|test/]CLASS/RECORDING``.

    Args:
        name: the folder.
        config: how it is read.

    Raises:
        UserError: a recording cannot be read, or sensors differ.
    """
    packing.refuse(name, config, "size", "channels", "columns")
    packing.refuse_target(name, config)
    folder = sources.paths(name)[0]
    where = f"--task {name}"
    every = _listed(where, folder)
    stamps = packing.stamp(*(one.path for one in every))
    key = packed.key("recordings", _VERSION, str(folder.absolute()), stamps, config.skip_bad)

    def pack() -> None:
        with packed.scratch(key) as scratch:
            spool = scratch / "images"
            kept, shape = _draw(where, every, config.skip_bad, spool)
            pixels = np.memmap(spool, np.float32, "r", shape=(len(kept), *shape))
            parts: dict[str, list[int]] = {}
            for row, one in enumerate(kept):
                parts.setdefault(one.part, []).append(row)
            raw = Raw(
                {part: _rows(pixels, rows) for part, rows in parts.items()},
                {
                    part: np.array([kept[row].label for row in rows])
                    for part, rows in parts.items()
                },
            )
            note = f"event images of the recordings in {sources.short(name)}"
            packing.pack(where, key, raw, "class", note)

    return own_data.cached(sources.short(name), key, pack)


def _rows(pixels: Array, rows: Sequence[int]) -> Source:
    """Return rows of a file as a source, without a copy of all of them in memory."""
    shape = (len(rows), *pixels.shape[1:])

    def chunks() -> Iterator[Array]:
        each = packing.rows_at_once(shape, pixels.dtype)
        for start in range(0, len(rows), each):
            yield pixels[rows[start : start + each]]

    return Source(shape, pixels.dtype, chunks)


def _listed(where: str, folder: Path) -> list[Found]:
    """Return the recordings of all classes, those of a part together, ``2`` before ``10``."""
    meaning = {spelled: part for part, every in SPLITS.items() for spelled in every}
    tops = _folders(folder)
    named = {meaning[top.name.lower()]: top for top in tops if top.name.lower() in meaning}
    if named and "train" not in named:
        raise UserError(f"{where}: has {', '.join(named)} but no train with a folder per class")
    found = []
    for part, top in (named or {"train": folder}).items():
        for label in _folders(top):
            paths = (path for path in label.rglob("*") if path.suffix.lower() in SUFFIXES)
            inside = [path for path in paths if not path.name.startswith(".") and path.is_file()]
            if outside := [p for p in inside if not p.resolve().is_relative_to(folder.resolve())]:
                raise UserError(f"{where}: {outside[0]} leads out of the folder")
            if not inside:
                raise UserError(f"{where}: the class {label.name} has no recordings in {label}")
            inside.sort(key=lambda path: natural(str(path)))
            found += [Found(path, part, label.name) for path in inside]
    return found


def _folders(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: natural(path.name))


def _draw(
    where: str, every: Sequence[Found], skip_bad: bool, spool: Path
) -> tuple[list[Found], tuple[int, int, int]]:
    """Write the image of each recording that can be read.

    Returns:
        The recordings, and the shape of an image.
    """
    paths = [one.path for one in every]
    jobs = 1 if len(paths) < _FEW else os.cpu_count() or 1
    size = _sensor(paths)
    kept: list[Found] = []
    bad: list[str] = []
    shape: tuple[int, ...] = ()
    with spool.open("xb") as file, watcher().progress("drawing recordings", len(paths)) as step:
        drawn = parallel_map(partial(_image, size=size), paths, jobs)
        for one, image in zip(every, drawn, strict=True):
            step(1)
            if isinstance(image, str):
                bad.append(image)
                continue
            shape = shape or image.shape
            if image.shape != shape:
                raise UserError(
                    f"{where}: the sensor of {one.path} has {image.shape[2]}x{image.shape[1]} "
                    f"pixels, and that of {kept[0].path} {shape[2]}x{shape[1]}: must be the same"
                )
            file.write(image.data)
            kept.append(one)
    if bad:
        some = "; ".join(bad[:_SHOWN]) + (" ..." if len(bad) > _SHOWN else "")
        if not skip_bad:
            raise UserError(f"{len(bad):,} recordings cannot be read: {some}; --skip-bad goes on")
        watcher().line(f"left out: {len(bad):,} recordings that cannot be read: {some}")
    if not kept:
        raise UserError(f"{where}: no recording can be read")
    channels, height, width = shape
    return kept, (channels, height, width)


def _sensor(paths: Sequence[Path]) -> Size | None:
    """Return the smallest sensor that holds all recordings of files that do not state theirs."""
    width = height = 0
    for path in paths:
        if path.suffix.lower() != atis.SUFFIX:
            continue
        try:
            for part in atis.parts(path):
                if len(part):
                    width = max(width, int(part.x.max()) + 1)
                    height = max(height, int(part.y.max()) + 1)
        except RecordingError:
            continue  # it is named when it is drawn
    return Size(min(width, MAX_COORDINATE), min(height, MAX_COORDINATE)) if width else None


def _image(path: Path, size: Size | None) -> Array | str:
    """Return the event image of a recording, or why it cannot be read."""
    own = size if path.suffix.lower() == atis.SUFFIX else None
    try:
        return next(images(formats.parts(path), str(path), Window(), own)).pixels
    except (UserError, OSError) as error:
        return str(error)
