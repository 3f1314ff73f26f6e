"""The lines that AEDAT files begin with (iniVation, AEDAT File Formats).

Every line begins with ``#`` and ends with a newline; the first one states the version. Older files
have no line that ends the header, and the first event may begin with the byte of ``#`` as well.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from nasbench.events.events import Refused, Size

MAGIC = b"#!AER-DAT"
LAST = (b"#!END-HEADER", b"#End Of ASCII Header")
_CONTROL = re.compile(rb"[\0-\x08\x0b-\x1f\x7f]")
SENSORS = {  # the beginning of a device's or chip's name, in small letters -> its size
    "dvs128": Size(128, 128),
    "davis128": Size(128, 128),
    "davis208": Size(208, 192),
    "davis240": Size(240, 180),
    "davis346": Size(346, 260),
    "davis640": Size(640, 480),
}


def read(file: BinaryIO, path: Path) -> list[str]:
    """Return the header's lines and leave ``file`` at the first byte after them.

    Raises:
        Refused: the header has no end.
    """
    lines: list[str] = []
    first = b""
    while True:
        place = file.tell()
        line = file.readline(1 << 16)
        first = first or line
        if not _belongs(line, first):
            file.seek(place)
            return lines
        if not line.endswith(b"\n"):
            raise Refused(f"{path}: the header has no end: it is cut off, or not an AEDAT file")
        lines.append(line.decode("latin-1").strip())
        if line.startswith(LAST):
            return lines


def _belongs(line: bytes, first: bytes) -> bool:
    """Whether a line begins as the header's do, holds text, and ends as the first one does."""
    body = line.rstrip(b"\r\n")
    if not body.startswith(b"#") or _CONTROL.search(body):
        return False
    return not line.endswith(b"\n") or line.endswith(b"\r\n") == first.endswith(b"\r\n")


def sensor(lines: list[str]) -> str | None:
    """Return which of ``SENSORS`` the header names, ``None`` where it names none.

    AEDAT 2.0 has a line ``# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128``, AEDAT 3.1 a line
    ``#Source 1: DVS128``.

    Raises:
        KeyError: it names one that is not in ``SENSORS``; the name is the argument.
    """
    for line in lines:
        if found := re.match(r"#\s*(?:AEChip:|Source \d+:)\s*(\S+)", line):
            name = found[1].rpartition(".")[2].lower()
            for known in SENSORS:
                if name.startswith(known):
                    return known
            raise KeyError(found[1])
    return None
