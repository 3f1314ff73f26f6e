"""Text with one event per line: DVS128-Gait's ``t x y p``, or the columns in another order.

A polarity of 1 is positive, any other is negative. Empty lines and lines that begin with ``#`` are
skipped. The file is read in blocks, so memory use does not grow with its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.events import MAX_COORDINATE, Events, RecordingError

COLUMNS = "txyp"
SHORTEST = len("0 0 0 0\n")
BLOCK = 192 * 1024  # bytes; the tables of a block fit in the second-level cache
LONGEST_LINE = 1 << 16
LIMIT = 2**63  # of an int64
FLOAT_EXACT = 2**53
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors begin a UTF-8 file with it


def parts(path: Path, columns: str = COLUMNS) -> Iterator[Events]:
    """Yield the events of a text file, a few thousand lines at a time.

    Raises:
        RecordingError: a line is malformed; the message names file, line and expected form.
        UserError: ``columns`` is not a permutation of ``txyp``.
    """
    check_columns(columns)
    events, line = 0, 1
    room = np.empty((4, (BLOCK + LONGEST_LINE) // SHORTEST), np.int64)
    for block in _blocks(path):
        if not block.endswith(b"\n"):
            raise RecordingError(f"{path}: line {line}: is longer than {LONGEST_LINE} bytes")
        part = _part(path, block, columns, line, events, room)
        events += len(part)
        consecutive = isinstance(part.lines, range)  # else comments came between
        line += len(part) if consecutive else block.count(b"\n")
        yield part


def check_columns(columns: str) -> str:
    """Return ``columns`` unchanged.

    Raises:
        UserError: it is not a permutation of ``txyp``.
    """
    if sorted(columns) != sorted(COLUMNS):
        raise UserError(f"columns {columns!r}: must be a permutation of {COLUMNS}")
    return columns


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield blocks of complete lines, tabs as blanks; only a line that is too long is cut."""
    rest = b""
    with path.open("rb", buffering=0) as file:
        start = file.read(len(BYTE_ORDER_MARK))
        file.seek(len(start) if start == BYTE_ORDER_MARK else 0)
        while data := file.read(BLOCK):
            cut = data.rfind(b"\n") + 1
            if cut:
                yield _blanked(rest + data[:cut])
                rest = b""
            rest += data[cut:]
            if len(rest) > LONGEST_LINE and b"\n" not in data:
                yield rest
    if rest:
        yield _blanked(rest + b"\n")


def _blanked(block: bytes) -> bytes:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    return block.replace(b"\t", b" ") if b"\t" in block else block


def _part(
    path: Path, block: bytes, columns: str, line: int, events: int, room: NDArray[np.int64]
) -> Events:
    """Parse a block with the fastest parser that accepts it, using ``room`` as scratch memory."""
    from nasbench.events import compiled  # by numba, an extra: tasks of pictures go without

    letters = np.frombuffer(block, np.uint8)
    if columns == COLUMNS:
        capacity = len(letters) // SHORTEST
        t, p = np.empty(capacity, np.int64), np.empty(capacity, np.bool_)
        x, y = np.empty(capacity, np.uint16), np.empty(capacity, np.uint16)
        rows = compiled.read_plain(letters, t, x, y, p)
        if rows >= 0:
            span = range(line, line + rows)
            return Events(t[:rows], x[:rows], y[:rows], p[:rows], first=events, lines=span)
    rows = compiled.read(letters, room)
    table, lines = (
        (room[:, :rows], range(line, line + rows)) if rows >= 0 else _slow(path, block, line)
    )
    times, xs, ys, signs = (table[columns.index(name)] for name in COLUMNS)
    for name, values in (("x", xs), ("y", ys)):
        wrong = (values < 0) | (values > MAX_COORDINATE)
        if wrong.any():
            at = int(wrong.argmax())
            raise RecordingError(
                f"{path}: line {lines[at]}: {name} is {values[at]}; must be 0 to {MAX_COORDINATE}"
            )
    narrow = xs.astype(np.uint16), ys.astype(np.uint16)
    return Events(times.copy(), *narrow, signs == 1, first=events, lines=lines)


def _slow(path: Path, block: bytes, line: int) -> tuple[NDArray[np.int64], Sequence[int]]:
    """Parse line by line: comments, decimal points and malformed lines."""
    rows, lines = [], []
    for number, text in enumerate(block.splitlines(), line):
        if not text.strip() or text.lstrip().startswith(b"#"):
            continue
        words = text.split()
        try:
            floats = [float(word) for word in words]
            integral = all(value == int(value) for value in floats)
            if len(words) != 4 or b"_" in text or not integral:
                raise ValueError
            row = [
                int(value) if abs(value) < FLOAT_EXACT else _large(word)
                for value, word in zip(floats, words, strict=True)
            ]
        except (ValueError, OverflowError) as error:
            shown = text[:60].decode("ascii", "replace")
            raise RecordingError(
                f"{path}: line {number}: {shown!r}; expected four integers"
            ) from error
        for value in row:
            if not -LIMIT <= value < LIMIT:
                raise RecordingError(
                    f"{path}: line {number}: {value} is out of range; must be {-LIMIT} to "
                    f"{LIMIT - 1}"
                )
        rows.append(row)
        lines.append(number)
    return np.array(rows, np.int64).reshape(-1, 4).T, lines


def _large(word: bytes) -> int:
    """Return an integer that a float cannot hold exactly."""
    value = Decimal(word.decode("ascii"))
    if value != int(value):
        raise ValueError
    return int(value)
