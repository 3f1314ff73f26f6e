"""Detects a file's format from its first bytes, and reads its events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from nasbench import plain_files
from nasbench.errors import UserError, unknown
from nasbench.events import aedat, aedat4, atis, npz, text
from nasbench.events.events import Events, RecordingError, Size, join

SUFFIXES = (".txt", ".aedat", ".aedat2", ".aedat3", ".aedat4", ".npz", atis.SUFFIX)
GZIP = b"\x1f\x8b"
_TEXT = re.compile(rb"[^\0-\x08\x0e-\x1f\x7f]*")  # other stray bytes are reported by the reader


class Format(StrEnum):
    """The formats that can be read."""

    TEXT = "text"
    AEDAT2 = "AEDAT 2.0"
    AEDAT3 = "AEDAT 3.1"
    AEDAT4 = "AEDAT 4"
    NPZ = "npz"
    ATIS = "ATIS"


VERSIONS = {b"2.": Format.AEDAT2, b"3.": Format.AEDAT3, b"4.": Format.AEDAT4}
READERS: dict[Format, Callable[[Path], Iterator[Events]]] = {
    Format.AEDAT3: aedat.parts3,
    Format.AEDAT4: aedat4.parts,
    Format.ATIS: atis.parts,
}


def detect_format(path: Path) -> Format:
    """Return a file's format, whatever its suffix; ATIS has no mark but its suffix.

    Raises:
        RecordingError: the file has none of the formats.
    """
    try:
        with plain_files.open_bytes(path) as file:
            start = file.read(1024)
    except UserError as error:
        raise RecordingError(f"{path}: {error}") from error
    if start.startswith(aedat.MAGIC):
        version = start[len(aedat.MAGIC) :][:3]
        if version[:2] not in VERSIONS or version == b"3.0":  # 3.0 has its origin elsewhere
            shown = version.decode("ascii", "replace")
            raise RecordingError(f"{path}: AEDAT {shown}: must be 2.0, 3.1 or 4.0")
        return VERSIONS[version[:2]]
    if start.startswith(b"PK\x03\x04"):
        return Format.NPZ
    if start.startswith(GZIP):
        raise RecordingError(f"{path}: is gzip-compressed; unpack it first")
    if path.suffix.lower() == atis.SUFFIX:
        return Format.ATIS
    if _TEXT.fullmatch(start):
        return Format.TEXT
    raise RecordingError(f"{path}: is not an event recording; formats: {', '.join(Format)}")


def check_chip(chip: str | None, paths: Iterable[Path]) -> str | None:
    """Return the chip in lower case.

    Args:
        chip: that the user names.
        paths: of the recordings.

    Raises:
        UserError: it is unknown, or no recording is of a format in which it must be named.
    """
    if chip is None:
        return None
    if chip.lower() not in aedat.SENSORS:
        raise unknown("chip", chip, aedat.SENSORS)
    if not any(_is(path, Format.AEDAT2) for path in paths):
        raise UserError(f"--chip {chip}: it is for recordings in {Format.AEDAT2}: there are none")
    return chip.lower()


def may_crash(path: Path) -> bool:
    """Return whether reading a damaged file may end the process, as the package aedat does."""
    return _is(path, Format.AEDAT4)


def _is(path: Path, form: Format) -> bool:
    try:
        return detect_format(path) is form
    except (RecordingError, OSError):
        return False


def parts(
    path: Path,
    columns: str = text.COLUMNS,
    index: int | None = None,
    chip: str | None = None,
    size: Size | None = None,
) -> Iterator[Events]:
    """Yield the events of a recording, about ten thousand at a time.

    Args:
        path: the file.
        columns: the column order of a text file, a permutation of ``txyp``.
        index: number of the recording in a packed ``.npz`` file, from 0.
        chip: of an AEDAT 2.0 file whose header names none, one of ``aedat.SENSORS``.
        size: of the sensor, if the user gave it; see :func:`aedat.parts2`.

    Raises:
        RecordingError: the file, or a place in it, cannot be read.
    """
    form = detect_format(path)
    if form is Format.TEXT:
        yield from text.parts(path, columns)
    elif form is Format.NPZ:
        yield npz.read(path, index)
    elif form is Format.AEDAT2:
        yield from aedat.parts2(path, chip, size)
    else:
        yield from READERS[form](path)


def read(path: Path, columns: str = text.COLUMNS, index: int | None = None) -> Events:
    """Return all events of a recording.

    Args:
        path: the file.
        columns: the column order of a text file, a permutation of ``txyp``.
        index: number of the recording in a packed ``.npz`` file, from 0.

    Raises:
        RecordingError: the file, or a place in it, cannot be read.
    """
    return join(parts(path, columns, index))
