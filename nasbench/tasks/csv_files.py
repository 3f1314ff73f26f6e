"""``--task labels.csv``: a table that names pictures, or whose rows are vectors of features.

Pictures are looked for in the folder of the table, or in ``--data-dir``; a name that leads out of
it is refused, as a table from elsewhere must not choose what is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.config import TaskConfig
from nasbench.data import packed
from nasbench.data.watching import watcher
from nasbench.errors import UserError
from nasbench.tasks import image_folder, own_data, packing, pictures, sources
from nasbench.tasks.base import Task
from nasbench.tasks.csv_table import Columns, Table, columns
from nasbench.tasks.packing import Raw, Source

ARRAY = ".npy"
_SHOWN = 5

Array = NDArray[Any]


@dataclass(frozen=True)
class File:
    """A file that a row names.

    Attributes:
        name: as in the table.
        line: of the table.
        path: where it is.
        reason: why it cannot be read, ``""`` if nothing speaks against it.
        stamp: size and time of change.
    """

    name: str
    line: int
    path: Path
    reason: str = ""
    stamp: tuple[int, int] = (0, 0)


def load(name: str, config: TaskConfig, data_dir: Path | None = None) -> Task:
    """Return the task of a table.

    Args:
        name: the ``.csv`` or ``.tsv`` file.
        config: how it is read.
        data_dir: the folder of the pictures; by default that of the table.

    Raises:
        UserError: the table or a file that it names cannot be read, or its values do not fit.
    """
    path = sources.paths(name)[0]
    where = sources.short(name)
    table = Table.read(where, path)
    roles = columns(table, config.columns)
    if roles.file is None:
        if data_dir is not None:
            raise UserError(f"--data-dir {data_dir}: is for pictures, and {where} names none")
        return _of_features(name, path, table, roles, config)
    folder = path.parent if data_dir is None else data_dir.expanduser()
    files = _files(table, roles.file, folder)
    if all(one.path.suffix.lower() == ARRAY for one in files):
        return _of_arrays(name, path, table, roles, files, config)
    return _of_pictures(name, path, table, roles, files, config)


def names_pictures(name: str, given: str | None) -> bool:
    """Return whether a table names pictures, and neither features nor arrays.

    Args:
        name: the ``.csv`` or ``.tsv`` file.
        given: the option ``columns``.

    Raises:
        UserError: the table cannot be read.
    """
    table = Table.read(sources.short(name), sources.paths(name)[0])
    column = columns(table, given).file
    return column is not None and not all(
        Path(file).suffix.lower() == ARRAY for file in table.texts(column).tolist()
    )


def _of_features(name: str, path: Path, table: Table, roles: Columns, config: TaskConfig) -> Task:
    packing.refuse(name, config, "size", "channels", "skip_bad")
    where = sources.short(name)
    key = packed.key("features", packing.stamp(path), config.columns, config.target)

    def pack() -> None:
        values = np.stack([table.numbers(one) for one in roles.features], axis=1)
        raw = _raw(table, roles, np.arange(len(table)), lambda rows: Source.of(values[rows]))
        packing.pack(where, key, raw, config.target, f"features of {where}")

    return own_data.cached(where, key, pack)


def _raw(
    table: Table,
    roles: Columns,
    kept: Array,
    examples: Callable[[Array], Source],
    files: Sequence[File] = (),
    twins: Array | None = None,
) -> Raw:
    """Return the parts of a table.

    Args:
        table: the table.
        roles: its columns.
        kept: the rows that are examples, sorted.
        examples: returns the examples of some places in ``kept``.
        files: of all rows.
        twins: of the places in ``kept``, see :class:`Raw`.
    """
    every = table.parts(roles.split)
    place = np.full(len(table), -1)
    place[kept] = np.arange(len(kept))
    parts = {part: rows[place[rows] >= 0] for part, rows in every.items()}
    parts = {part: rows for part, rows in parts.items() if len(rows)}
    if "train" not in parts:
        raise UserError(f"{table.where}: no row of the part train is left")
    targets = table.targets(roles.label)
    groups = None if roles.group is None else table.texts(roles.group)
    notes = []
    if roles.left:
        some = ", ".join(roles.left[:_SHOWN]) + (" ..." if len(roles.left) > _SHOWN else "")
        notes.append(f"columns that are not read: {some}")
    return Raw(
        {part: examples(place[rows]) for part, rows in parts.items()},
        {part: targets[rows] for part, rows in parts.items()},
        {} if groups is None else {part: groups[rows] for part, rows in parts.items()},
        # One column of classes has names of its own; several are named by their columns.
        names=roles.label if len(roles.label) > 1 else (),
        columns=roles.features,
        notes=notes,
        twins={} if twins is None else {part: twins[place[rows]] for part, rows in parts.items()},
        titles={part: [files[row].name for row in rows] for part, rows in parts.items() if files},
    )


def _files(table: Table, column: str, folder: Path) -> list[File]:
    """Return the files that rows name, without opening them."""
    root = folder.resolve()
    if not root.is_dir():
        raise UserError(f"--data-dir {folder}: no such folder; it must exist")
    names = table.texts(column).tolist()
    found = []
    for name, line in zip(names, table.lines, strict=True):
        path = folder / name
        reason, stamp = "", (0, 0)
        try:
            if not path.resolve().is_relative_to(root):
                raise UserError(
                    f"{table.where}: line {line}: {name} lies outside of {folder}: give "
                    "--data-dir with the folder of all files"
                )
            about = path.stat()
            stamp = about.st_size, about.st_mtime_ns
        except FileNotFoundError:
            reason = "missing"
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = plain_files.reason(error)
        found.append(File(name, line, path, reason, stamp))
    return found


def _check(where: str, files: Sequence[File], config: TaskConfig) -> Array:
    """Return the rows whose files can be read, or raise if the others may not be left out."""
    bad = [one for one in files if one.reason]
    if not bad:
        return np.arange(len(files))
    some = ", ".join(f"{one.name} (line {one.line}: {one.reason})" for one in bad[:_SHOWN])
    more = f" and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
    if not config.skip_bad:
        raise UserError(
            f"{where}: {len(bad):,} of {len(files):,} files cannot be read: {some}{more}; "
            "--skip-bad leaves them out"
        )
    watcher().line(f"left out: {len(bad):,} files that cannot be read: {some}{more}")
    kept = np.flatnonzero([not one.reason for one in files])
    if not len(kept):
        raise UserError(f"{where}: none of the {len(files):,} files can be read")
    return kept


def _key(kind: str, path: Path, files: Sequence[File], config: TaskConfig, *more: Any) -> str:
    stamps = [(os.fsencode(one.path), one.stamp) for one in files]
    return packed.key(
        kind, packing.stamp(path), stamps, config.columns, config.target, config.skip_bad, *more
    )


def _of_arrays(
    name: str,
    path: Path,
    table: Table,
    roles: Columns,
    files: Sequence[File],
    config: TaskConfig,
) -> Task:
    """Return the task of a table that names an ``.npy`` file for each example."""
    packing.refuse(name, config, "size", "channels")
    where = sources.short(name)
    key = _key("npy-files", path, files, config)

    def pack() -> None:
        kept = _check(where, files, config)
        first = packing.mapped(files[kept[0]].path)

        def rows_of(places: Array) -> Source:
            def chunks() -> Iterator[Array]:
                for place in places:
                    one = files[kept[place]]
                    array = packing.mapped(one.path)
                    if (array.shape, array.dtype) != (first.shape, first.dtype):
                        raise UserError(
                            f"{where}: line {one.line}: {one.name} is {array.dtype} "
                            f"{array.shape}, and {files[kept[0]].name} {first.dtype} "
                            f"{first.shape}: must be equal"
                        )
                    yield np.asarray(array)[None]

            return Source((len(places), *first.shape), first.dtype, chunks)

        raw = _raw(table, roles, kept, rows_of, files)
        packing.pack(where, key, raw, config.target, f"arrays that {where} names")

    return own_data.cached(where, key, pack)


def _of_pictures(
    name: str,
    path: Path,
    table: Table,
    roles: Columns,
    files: Sequence[File],
    config: TaskConfig,
) -> Task:
    """Return the task of a table that names a picture for each example."""
    where = sources.short(name)
    key = own_data.key_of_pictures(partial(_key, "picture-files", path, files, config), config)

    def pack() -> None:
        with packed.scratch(key) as folder:
            kept = _check(where, files, config)
            read = pictures.read([files[row].path for row in kept], config, folder)
            reasons = {int(kept[row]): reason for row, reason in read.bad.items()}
            seen = [
                File(one.name, one.line, one.path, reasons.get(row, one.reason), one.stamp)
                for row, one in enumerate(files)
            ]
            kept = _check(where, seen, config) if reasons else kept
            raw = _raw(table, roles, kept, read.source, files, read.twins)
            packing.pack(where, key, raw, config.target, f"pictures that {where} names")

    return image_folder.augmented(own_data.cached(where, key, pack))
