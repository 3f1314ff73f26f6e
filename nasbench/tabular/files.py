"""Finds the files of tables and reads their columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Container, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.data.locate import find, roots
from nasbench.errors import UserError
from nasbench.space import Domains, SearchSpace

Columns = dict[str, list[str]]
_MOST = 128 * 2**20  # bytes; the largest of the published tables has 5 million


def locate(
    table: str, names: Sequence[str], path: Path | None = None, data_dir: Path | None = None
) -> Path:
    """Return the file of a table.

    Args:
        table: its name, for the error.
        names: its paths relative to a data folder, the preferred one first.
        path: the file, if the user gave it.
        data_dir: the data folder, if the user gave it; see :mod:`nasbench.data.locate`.

    Raises:
        UserError: the file does not exist; the message lists the searched places.
    """
    if path is not None:
        if not path.exists():
            raise UserError(f"{table}={path}: no such file")
        return path
    found = find(names, data_dir)
    if found is None:
        searched = " or ".join(str(root / name) for root in roots(data_dir) for name in names)
        raise UserError(
            f"{table}: found no {searched}: give its folder with --data-dir or $NASBENCH_DATA, "
            f"or the file with {table}=PATH"
        )
    return found


def read_columns(path: Path, wanted: Collection[str]) -> Columns:
    """Return the wanted columns of a CSV file by name.

    Raises:
        UserError: the file is not CSV, lacks a wanted column, or has lines of different length.
    """
    try:
        text = plain_files.read_text(path, _MOST)
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except (csv.Error, UserError) as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from error
    header = rows[0] if rows else []
    missing = [name for name in wanted if name not in header]
    if missing:
        raise UserError(f"{path}: missing columns: {', '.join(missing)}")
    for line, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise UserError(f"{path} line {line}: has {len(row)} fields; expected {len(header)}")
    places = {name: header.index(name) for name in wanted}
    return {name: [row[place] for row in rows[1:]] for name, place in places.items()}


def numbers(
    path: Path, columns: Columns, name: str, *, empty: bool = False
) -> NDArray[np.float64]:
    """Return a column as numbers, shape ``(rows,)``.

    Args:
        path: the file, for the error.
        columns: the columns of the file.
        name: name of the column.
        empty: allow empty fields, which become NaN.

    Raises:
        UserError: a field is not a finite number.
    """
    texts = columns[name]
    if empty:
        texts = [text or "nan" for text in texts]
    try:
        found = np.array(texts, dtype=np.float64)
    except ValueError as error:
        raise UserError(f"{path}: column {name}: {error}") from error
    if not empty and not np.isfinite(found).all():
        raise UserError(f"{path}: column {name}: every field must be a finite number")
    return found


def check_complete(
    path: Path, space: type[SearchSpace], domains: Domains, known: Container[str]
) -> None:
    """Raise unless the text of every architecture of the space is ``known``.

    Args:
        path: the file, for the error.
        space: gives the text of an architecture.
        domains: the decisions of the space.
        known: the texts in the file.

    Raises:
        UserError: some are missing; the message gives their number and the first one.
    """
    missing = [text for arch in domains.enumerate() if (text := space.text(arch)) not in known]
    if missing:
        raise UserError(
            f"{path}: {len(missing):,} of {domains.size:,} architectures are missing; "
            f"the first one is {missing[0]}"
        )
