"""Reads a table of the user's own, ``.csv`` or ``.tsv``, and finds out what its columns are."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.data.packed import PARTS
from nasbench.errors import UserError

ROLES = {
    "file": ("file", "path", "filename", "file_name", "filepath", "file_path", "image",
             "image_path", "image_file", "img", "img_path", "picture"),
    "label": ("label", "labels", "class", "target", "category", "y"),
    "split": ("split", "part", "set", "subset"),
    "group": ("group", "patient", "patient_id", "subject", "subject_id", "recording",
              "recording_id"),
}  # fmt: skip
"""What a column means by its name, in small letters."""

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_KEYS = (*ROLES, "features")
_NUMBERED = ("id", "index", "", "unnamed: 0")  # of the rows: no features
_MANY = ("label_", "target_")  # beginnings of columns that are labels or targets together
_MOST = 2**30  # bytes of a table
_SHOWN = 12

Array = NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """The names of the columns of each role.

    Attributes:
        label: of the targets, one or more.
        file: of the pictures, ``None`` if the rows are vectors of features.
        split: of the parts, ``None`` without.
        group: of the groups, ``None`` without.
        features: of the numbers that examples consist of, without a file column.
        left: columns that are not read.
    """

    label: tuple[str, ...]
    file: str | None = None
    split: str | None = None
    group: str | None = None
    features: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """A table as text.

    Attributes:
        where: what the user gave, for messages.
        cells: of each column, one text a row.
        lines: of each row, its line in the file.
    """

    where: str
    cells: dict[str, list[str]]
    lines: list[int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.lines)

    @classmethod
    def read(cls, where: str, path: Path) -> Table:
        """Return the table in a file, whose first line names the columns.

        Raises:
            UserError: it cannot be read, or a row has more or fewer fields than the first line.
        """
        try:
            text = plain_files.read_text(path, _MOST)
            head = text.partition("\n")[0]
            marks = ["\t"] if path.suffix.lower() == ".tsv" else [",", ";", "\t"]
            mark = next((one for one in marks if one in head), ",")
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
            names = [name.strip() for name in next(rows, [])]
            _check_names(names)
            lines: list[int] = []
            columns: list[list[str]] = [[] for _ in names]
            for row in rows:
                if not row:
                    continue
                if len(row) != len(names):
                    raise UserError(
                        f"line {rows.line_num} has {len(row)} fields, and the first line names "
                        f"{len(names)} columns"
                    )
                lines.append(rows.line_num)
                for column, cell in zip(columns, row, strict=True):
                    column.append(cell.strip())
        except (csv.Error, UserError) as error:
            raise UserError(f"{where}: {error}") from error
        if not lines:
            raise UserError(f"{where}: has no rows below the names of its columns")
        return cls(where, dict(zip(names, columns, strict=True)), lines)

    def numbers(self, name: str) -> Array:
        """Return a column as float64.

        Raises:
            UserError: a cell is missing or no finite number; its line and column are named.
        """
        cells = self.cells[name]
        try:
            values = np.asarray(cells, dtype=str).astype(np.float64)
        except ValueError:
            values = np.asarray([_number(cell) for cell in cells])
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            row = int(wrong[0])
            cell = cells[row]
            what = f"{cell!r} is no number" if _is_filled(cell) else "the value is missing"
            raise UserError(f"{self.where}: line {self.lines[row]}, column {name}: {what}")
        return values

    def texts(self, name: str) -> Array:
        """Return a column as text.

        Raises:
            UserError: a cell is empty.
        """
        cells = self.cells[name]
        if "" in cells:
            line = self.lines[cells.index("")]
            raise UserError(f"{self.where}: line {line}, column {name}: the value is missing")
        return np.asarray(cells, dtype=str)

    def targets(self, names: Sequence[str]) -> Array:
        """Return the targets: integers or numbers ``(n,)`` or ``(n, k)``, or text ``(n,)``."""
        if len(names) == 1:
            texts = self.texts(names[0])
            try:
                return texts.astype(np.int64)
            except (ValueError, OverflowError):
                pass
            if all(np.isfinite(_number(one)) for one in texts):
                return self.numbers(names[0])
            return texts
        return np.stack([self.numbers(name) for name in names], axis=1)

    def parts(self, name: str | None) -> dict[str, Array]:
        """Return the rows of each part, all of them being ``train`` without a column.

        Raises:
            UserError: a cell names no part, or no row is for training.
        """
        if name is None:
            return {"train": np.arange(len(self))}
        meaning = {spelled: part for part, every in SPLITS.items() for spelled in every}
        found: dict[str, list[int]] = {part: [] for part in PARTS}
        for row, cell in enumerate(self.cells[name]):
            part = meaning.get(cell.lower())
            if part is None:
                raise UserError(
                    f"{self.where}: line {self.lines[row]}, column {name}: {cell!r}: must be one "
                    "of train, val, test"
                )
            found[part].append(row)
        if not found["train"]:
            raise UserError(f"{self.where}: column {name}: no row is of the part train")
        return {part: np.asarray(rows) for part, rows in found.items() if rows}


def _check_names(names: Sequence[str]) -> None:
    if not any(names):
        raise UserError("is empty: the first line must name the columns")
    if all(np.isfinite(_number(name)) for name in names):
        raise UserError("the first line holds numbers: it must name the columns")
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two columns are named {name!r}")


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _is_filled(cell: str) -> bool:
    return cell.lower() not in ("", "nan", "na", "n/a", "null", "none", "?")


def columns(table: Table, given: str | None) -> Columns:
    """Return what the columns are, by ``--columns`` and else by their names.

    Args:
        table: the table.
        given: ``file=NAME,label=NAME[+NAME...],split=NAME,group=NAME,features=NAME[+NAME...]``.

    Raises:
        UserError: a column does not exist, or nothing says which one is the label.
    """
    names = list(table.cells)
    chosen = _given(names, given)
    for role, spelled in ROLES.items():
        if role in chosen:
            continue
        taken = [one for every in chosen.values() for one in every]
        fitting = [name for name in names if name.lower() in spelled and name not in taken]
        if role == "label" and not fitting:
            chosen[role] = [name for name in names if name.lower().startswith(_MANY)]
            continue
        if len(fitting) > 1 and role in ("file", "label", "split"):
            raise UserError(
                f"{table.where}: {' and '.join(fitting)} could both be the {role}: give "
                f"--columns {role}={fitting[0]}"
            )
        chosen[role] = fitting
    if not chosen["label"]:
        raise UserError(
            f"{table.where}: no column is named label: give --columns label=NAME; there are "
            f"{', '.join(names[:_SHOWN])}"
        )
    if len(chosen["group"]) > 1:
        raise UserError(
            f"{table.where}: {' and '.join(chosen['group'])} could both be the group: give "
            f"--columns group={chosen['group'][0]}"
        )
    return _complete(table, names, chosen)


def _complete(table: Table, names: Sequence[str], chosen: dict[str, list[str]]) -> Columns:
    used = [one for every in chosen.values() for one in every]
    others = [name for name in names if name not in used]
    file = next(iter(chosen["file"]), None)
    features = chosen.get("features")
    if file is not None and features:
        raise UserError(
            f"{table.where}: --columns features={features[0]}: are of tables without a file column"
        )
    if file is None and features is None:
        features = [name for name in others if name.lower() not in _NUMBERED]
        others = [name for name in others if name not in features]
        if not features:
            raise UserError(
                f"{table.where}: has neither a column of files nor features: there are "
                f"{', '.join(list(names)[:_SHOWN])}"
            )
    return Columns(
        tuple(chosen["label"]),
        file,
        next(iter(chosen["split"]), None),
        next(iter(chosen["group"]), None),
        tuple(features or ()),
        tuple(others),
    )


def _given(names: Sequence[str], given: str | None) -> dict[str, list[str]]:
    """Return the columns of each role that ``--columns`` names."""
    chosen: dict[str, list[str]] = {}
    for entry in (given or "").split(",") if given else ():
        role, equals, value = entry.partition("=")
        role, value = role.strip(), value.strip()
        if role not in _KEYS or not equals or not value:
            raise UserError(
                f"--columns {given}: {entry!r}: must be ROLE=NAME, the roles being "
                f"{', '.join(_KEYS)}"
            )
        if role in chosen:
            raise UserError(f"--columns {given}: {role} is given twice")
        several = role in ("label", "features") and value not in names
        chosen[role] = [one.strip() for one in value.split("+")] if several else [value]
        for one in chosen[role]:
            if one not in names:
                raise UserError(
                    f"--columns {given}: there is no column {one!r}; there are "
                    f"{', '.join(list(names)[:_SHOWN])}"
                )
    every = [one for named in chosen.values() for one in named]
    if twice := [one for one in every if every.count(one) > 1]:
        raise UserError(f"--columns {given}: the column {twice[0]} is named twice")
    return chosen
