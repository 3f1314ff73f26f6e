"""The lines that AEDAT files begin with (iniVation, AEDAT File Formats).

Every line begins with ``#`` and ends with a newline; the first one states the version.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from nasbench.events.events import Refused, Size

MAGIC = b"#!AER-DAT"
LAST = (b"#!END-HEADER", b"#End Of ASCII Header")
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
    while True:
        place = file.tell()
        line = file.readline(1 << 16)
        if not line.startswith(b"#"):
            file.seek(place)
            return lines
        if not line.endswith(b"\n"):
            raise Refused(f"{path}: the header has no end: it is cut off, or not an AEDAT file")
        lines.append(line.decode("latin-1").strip())
        if line.startswith(LAST):
            return lines


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
