"""Text, one event a line: DVS128-Gait's ``t x y p``, or the columns in another order.

A polarity of 1 is positive and any other negative. Empty lines and lines that begin with ``#`` are
passed over. The file is read in blocks, so memory does not grow with it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.digits import numbers
from nasbench.events.events import LARGEST, Events, Refused

COLUMNS = "txyp"
BLOCK = 192 * 1024  # bytes: its tables stay in the second-level cache
LONGEST_LINE = 1 << 16
_PLAIN = np.zeros(256, np.bool_)
_PLAIN[list(b"0123456789- \n")] = True

Rows = NDArray[np.int64]


def parts(path: Path, columns: str = COLUMNS) -> Iterator[Events]:
    """Yield the events of a text file, a few thousand lines at a time.

    Args:
        path: the file.
        columns: a permutation of ``txyp``.

    Raises:
        Refused: a line is malformed; file, line and allowed form are named.
        UserError: ``columns`` is no permutation.
    """
    check_columns(columns)
    events, line = 0, 1
    for block in _blocks(path):
        part = _part(path, block, columns, line, events)
        events += len(part)
        consecutive = isinstance(part.lines, range)  # else there were other lines between
        line += len(part) if consecutive else block.count(b"\n")
        yield part


def check_columns(columns: str) -> str:
    """Return an order of columns.

    Raises:
        UserError: it is no permutation of ``txyp``.
    """
    if sorted(columns) != sorted(COLUMNS):
        raise UserError(f"columns {columns!r}: an order of the letters {COLUMNS} is allowed")
    return columns


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of whole lines; every line has its end, and tabs are blanks."""
    rest = b""
    with path.open("rb", buffering=0) as file:
        while data := file.read(BLOCK):
            cut = data.rfind(b"\n") + 1
            if cut:
                yield _blanked(rest + data[:cut])
                rest = b""
            rest += data[cut:]
            if len(rest) > LONGEST_LINE and b"\n" not in data:
                raise Refused(f"{path}: a line of more than {LONGEST_LINE} bytes is no event")
    if rest:
        yield _blanked(rest + b"\n")


def _blanked(block: bytes) -> bytes:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    return block.replace(b"\t", b" ") if b"\t" in block else block


def _part(path: Path, block: bytes, columns: str, line: int, events: int) -> Events:
    """Read a block in the quickest way that takes it."""
    table: list[NDArray[np.integer]] | None = None
    if columns == COLUMNS:
        table = numbers(block)
    if table is None:
        table = _spaced(block)
    lines: range | list[int] = range(line, line + len(table[0])) if table else []
    if table is None:
        table, lines = _slow(path, block, line)
    t, x, y, p = (table[columns.index(name)] for name in COLUMNS)
    for name, values in (("x", x), ("y", y)):
        _check_range(path, name, values, lines)
    narrow = x.astype(np.uint16, copy=False), y.astype(np.uint16, copy=False)
    return Events(t.astype(np.int64, copy=False), *narrow, p == 1, first=events, lines=lines)


def _check_range(
    path: Path, name: str, values: NDArray[np.integer], lines: range | list[int]
) -> None:
    if values.dtype == np.uint16 or not len(values):
        return
    if values.min() < 0 or values.max() > LARGEST:
        at = int(np.flatnonzero((values < 0) | (values > LARGEST))[0])
        raise Refused(
            f"{path}: line {lines[at]}: {name} is {values[at]}; 0 to {LARGEST} is allowed"
        )


def _spaced(block: bytes) -> list[NDArray[np.integer]] | None:
    """Read four whole numbers a line with any blanks between; ``None`` for other lines."""
    bytes_ = np.frombuffer(block, np.uint8)
    if not _PLAIN.take(bytes_).all():
        return None
    filled = bytes_ > ord(" ")
    starts = np.flatnonzero(filled & ~np.concatenate([[False], filled[:-1]]))
    ends = np.flatnonzero(bytes_ == ord("\n"))
    if len(starts) != 4 * len(ends) or (starts[3::4] > ends).any():
        return None
    if (starts[4::4] < ends[:-1]).any():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            found = np.fromstring(block, np.int64, sep=" ")
        except (DeprecationWarning, ValueError):  # a sign alone
            return None
    limits = np.iinfo(np.int64)
    if len(found) != len(starts) or found.max() == limits.max or found.min() == limits.min:
        return None
    return list(found.reshape(-1, 4).T)


def _slow(path: Path, block: bytes, line: int) -> tuple[list[NDArray[np.integer]], list[int]]:
    """Read line by line: comments, decimal points, and whatever is wrong."""
    rows, lines = [], []
    for number, text in enumerate(block.splitlines(), line):
        if text.strip() and not text.lstrip().startswith(b"#"):
            rows.append(_row(path, text, number))
            lines.append(number)
    return list(np.array(rows, np.int64).reshape(-1, 4).T), lines


def _row(path: Path, text: bytes, number: int) -> list[int]:
    words = text.split()
    try:
        values = [float(word) for word in words]
        if len(values) != 4 or not all(value == int(value) for value in values):
            raise ValueError
        exact = [int(word) if word.lstrip(b"-").isdigit() else int(float(word)) for word in words]
        return [int(np.int64(value)) for value in exact]
    except (ValueError, OverflowError) as error:
        shown = text[:60].decode("ascii", "replace")
        raise Refused(
            f"{path}: line {number}: {shown!r}; four whole numbers are allowed"
        ) from error
