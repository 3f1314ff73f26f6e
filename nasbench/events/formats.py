"""Which format a file has, by its first bytes, and its events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from nasbench.events import aedat, aedat4, npz, text
from nasbench.events.events import Events, Refused, join
from nasbench.events.header import MAGIC

SUFFIXES = (".txt", ".aedat", ".aedat2", ".aedat3", ".aedat4", ".npz")
GZIP = b"\x1f\x8b"
_TEXT = re.compile(rb"[^\0-\x08\x0e-\x1f\x7f]*")  # a stray byte is for the reader to name


class Format(StrEnum):
    """The formats that can be read."""

    TEXT = "text"
    AEDAT2 = "AEDAT 2.0"
    AEDAT3 = "AEDAT 3.1"
    AEDAT4 = "AEDAT 4"
    NPZ = "npz"


VERSIONS = {b"2.": Format.AEDAT2, b"3.": Format.AEDAT3, b"4.": Format.AEDAT4}
READERS: dict[Format, Callable[[Path], Iterator[Events]]] = {
    Format.AEDAT2: aedat.parts2,
    Format.AEDAT3: aedat.parts3,
    Format.AEDAT4: aedat4.parts,
}


def recognise(path: Path) -> Format:
    """Return a file's format, whatever its name ends with.

    Raises:
        Refused: it has none of them.
    """
    with path.open("rb") as file:
        start = file.read(1024)
    if start.startswith(MAGIC):
        version = start[len(MAGIC) :][:3]
        if version[:2] not in VERSIONS or version == b"3.0":  # 3.0 has its origin elsewhere
            shown = version.decode("ascii", "replace")
            raise Refused(f"{path}: AEDAT {shown}; 2.0, 3.1 and 4.0 are allowed")
        return VERSIONS[version[:2]]
    if start.startswith(b"PK\x03\x04"):
        return Format.NPZ
    if start.startswith(GZIP):
        raise Refused(f"{path}: it is compressed by gzip; unpack it first")
    if _TEXT.fullmatch(start):
        return Format.TEXT
    raise Refused(f"{path}: no recording of events; {', '.join(Format)} are allowed")


def may_kill(path: Path) -> bool:
    """Whether a damaged file may end the process that reads it, as the library aedat does."""
    try:
        return recognise(path) is Format.AEDAT4
    except (Refused, OSError):
        return False


def parts(path: Path, columns: str = text.COLUMNS, index: int | None = None) -> Iterator[Events]:
    """Yield the events of a recording, some ten thousand at a time.

    Args:
        path: the file.
        columns: the order of a text file's columns, a permutation of ``txyp``.
        index: which recording of a packed ``.npz`` file.

    Raises:
        Refused: the file, or a place in it, cannot be read.
    """
    form = recognise(path)
    if form is Format.TEXT:
        yield from text.parts(path, columns)
    elif form is Format.NPZ:
        yield npz.read(path, index)
    else:
        yield from READERS[form](path)


def read(path: Path, columns: str = text.COLUMNS, index: int | None = None) -> Events:
    """Return all events of a recording; see ``parts``."""
    return join(parts(path, columns, index))
