"""AEDAT 2.0 (jAER) and AEDAT 3.1 (cAER): binary files with a header of text lines.

The layouts are those of iniVation's "AEDAT File Formats", and for AEDAT 2.0 as jAER reads them:
the address has its origin at the lower right, and a DVS128 marks a positive event by a 0. External
triggers, frames and IMU samples are skipped. Both formats are read in blocks.

Every header line begins with ``#`` and ends with a newline; the first one states the version.
Older files have no line that ends the header, and their first event may begin with ``#`` too.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.events.events import Events, RecordingError, Size

BLOCK = 1 << 16  # events
# Type, source, bytes per event, offset of the time, overflow, three counts.
PACKET = struct.Struct("<hhiiiiii")
POLARITY = 1  # the type of a packet of pixel changes
MAGIC = b"#!AER-DAT"
HEADER_ENDS = (b"#!END-HEADER", b"#End Of ASCII Header")
SENSORS = {  # lower-case prefix of a device's or chip's name -> its size
    "dvs128": Size(128, 128),
    "davis128": Size(128, 128),
    "davis208": Size(208, 192),
    "davis240": Size(240, 180),
    "davis346": Size(346, 260),
    "davis640": Size(640, 480),
}
_CONTROL = re.compile(rb"[\0-\x08\x0b-\x1f\x7f]")


class Layout(NamedTuple):
    """The bit layout of an AEDAT 2.0 address."""

    x_shift: int
    x_mask: int
    y_shift: int
    y_mask: int
    p_shift: int
    positive: int
    other: int  # any of these bits marks something other than a pixel change


DVS128 = Layout(1, 0x7F, 8, 0x7F, 0, positive=0, other=1 << 15)
DAVIS = Layout(12, 0x3FF, 22, 0x1FF, 11, positive=1, other=1 << 31 | 1 << 10)


def read_header(file: BinaryIO, path: Path) -> list[str]:
    """Return the header's lines, leaving ``file`` at the first byte after them.

    A header line begins with ``#``, holds only text, and ends as the first one does.

    Raises:
        RecordingError: the header has no end.
    """
    lines: list[str] = []
    first = b""
    while True:
        place = file.tell()
        line = file.readline(1 << 16)
        first = first or line
        body, ended = line.rstrip(b"\r\n"), line.endswith(b"\n")
        same_end = line.endswith(b"\r\n") == first.endswith(b"\r\n")
        if not body.startswith(b"#") or _CONTROL.search(body) or (ended and not same_end):
            file.seek(place)
            return lines
        if not ended:
            raise RecordingError(
                f"{path}: the header has no end: the file is truncated, or not an AEDAT file"
            )
        lines.append(line.decode("latin-1").strip())
        if line.startswith(HEADER_ENDS):
            return lines


def sensor(lines: list[str]) -> str | None:
    """Return which of ``SENSORS`` the header names, ``None`` if it names no device.

    AEDAT 2.0 has a line ``# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128``, AEDAT 3.1 a line
    ``#Source 1: DVS128``.

    Raises:
        KeyError: the device is not in ``SENSORS``; its name is the argument.
    """
    for line in lines:
        if found := re.match(r"#\s*(?:AEChip:|Source \d+:)\s*(\S+)", line):
            name = found[1].rpartition(".")[2].lower()
            for known in SENSORS:
                if name.startswith(known):
                    return known
            raise KeyError(found[1])
    return None


def parts2(path: Path, chip: str | None = None, size: Size | None = None) -> Iterator[Events]:
    """Yield the events of an AEDAT 2.0 file: big-endian pairs of address and time, 8 bytes each.

    Args:
        path: the file.
        chip: one of ``SENSORS``, for a file whose header names none.
        size: of the sensor, which tells the chip of such a file if its addresses are a DAVIS's.

    Raises:
        RecordingError: the chip is unknown, an event lies outside it, or the file is truncated.
    """
    with path.open("rb") as file:
        name, sure = _chip(file, path, chip, size)
        events, before = 0, None
        while block := file.read(8 * BLOCK):
            if len(block) % 8:
                raise RecordingError(
                    f"{path}: event {events + len(block) // 8}: the file is truncated"
                )
            words = np.frombuffer(block, ">u4").reshape(-1, 2).astype(np.uint32)
            if not sure and _wide(words):
                raise _unnamed(path)
            layout = DVS128 if name == "dvs128" else DAVIS
            part = _decode(words, layout, SENSORS[name], events, before)
            # A coordinate beyond the sensor has wrapped around below 0.
            x, y = part.x.view(np.int16), part.y.view(np.int16)
            wrong = (x < 0) | (y < 0)
            if wrong.any():
                at = int(wrong.argmax())
                raise RecordingError(
                    f"{path}: {part.where(at)}: x {x[at]}, y {y[at]} lies outside the "
                    f"{part.size} sensor"
                )
            events += len(part)
            before = int(part.t[-1]) if len(part) else before
            yield part


def _chip(file: BinaryIO, path: Path, chip: str | None, size: Size | None) -> tuple[str, bool]:
    """Return a file's chip, and whether its header or the user names it; read the header."""
    try:
        named = sensor(read_header(file, path))
    except KeyError as error:
        raise RecordingError(
            f"{path}: unknown chip {error.args[0]!r}; known: {', '.join(SENSORS)}"
        ) from error
    if chip is not None and named not in (None, chip):
        raise RecordingError(f"{path}: --chip {chip}: the header names the chip {named}")
    if named or chip:
        return str(named or chip), True
    place = file.tell()
    block = file.read(8 * BLOCK)
    file.seek(place)
    if not _wide(np.frombuffer(block[: len(block) // 8 * 8], ">u4").reshape(-1, 2)):
        return "dvs128", False
    for davis in (one for one in SENSORS if one != "dvs128"):
        if SENSORS[davis] == size:
            return davis, True
    raise _unnamed(path)


def _wide(words: NDArray[Any]) -> bool:
    """Return whether an address has more than 16 bits, as none of a DVS128 has."""
    return bool((words[:, 0] >> 16).any())


def _unnamed(path: Path) -> RecordingError:
    return RecordingError(
        f"{path}: its header names no chip, and its addresses are too large for a DVS128: name "
        f"the chip with --chip, one of {', '.join(SENSORS)}"
    )


def _decode(
    words: NDArray[np.uint32], layout: Layout, size: Size, first: int, before: int | None
) -> Events:
    """Decode a block of an AEDAT 2.0 file.

    The 32-bit clock wraps around after about 72 minutes; the returned times keep rising.

    Args:
        words: uint32 ``(n, 2)``, address and time of each event.
        layout: of the addresses.
        size: of the sensor.
        first: index of the first event within the recording.
        before: time of the last event of the previous block, in microseconds.
    """
    address, time = words[(words[:, 0] & np.uint32(layout.other)) == 0].T
    x = (address >> layout.x_shift & layout.x_mask).astype(np.int64)
    y = (address >> layout.y_shift & layout.y_mask).astype(np.int64)
    p = (address >> layout.p_shift & 1) == layout.positive
    clock = np.ascontiguousarray(time).view(np.int32)
    if before is None:
        before = int(clock[0]) if len(clock) else 0
    steps = np.diff(clock, prepend=np.int64(before).astype(np.int32))  # these wrap around too
    return Events(
        before + np.cumsum(steps, dtype=np.int64),
        (size.width - 1 - x).astype(np.uint16),
        (size.height - 1 - y).astype(np.uint16),
        p,
        size,
        first,
    )


def parts3(path: Path) -> Iterator[Events]:
    """Yield the events of a little-endian AEDAT 3.1 file, one packet at a time.

    An event of a polarity packet is bit 0 valid, bit 1 polarity, 15 bits y, 15 bits x, then 32
    bits time.

    Raises:
        RecordingError: the format is not RAW, the header has no end, or a packet is truncated.
    """
    with path.open("rb") as file:
        lines = read_header(file, path)
        if not any(line.startswith("#!END-HEADER") for line in lines):
            raise RecordingError(f"{path}: an AEDAT 3.1 header must end with #!END-HEADER")
        for line in lines:
            if line.startswith("#Format:") and line.split(":")[1].strip() != "RAW":
                raise RecordingError(f"{path}: {line[1:]!r}: the format must be RAW")
        try:
            size = SENSORS.get(sensor(lines) or "")
        except KeyError:  # an unknown device has the same layout
            size = None
        events = 0
        while head := file.read(PACKET.size):
            if len(head) < PACKET.size:
                raise RecordingError(f"{path}: event {events}: the file is truncated")
            kind, _, width, _, overflow, _, number, _ = PACKET.unpack(head)
            if width < 1 or number < 0 or (kind == POLARITY and (width < 8 or width % 4)):
                raise RecordingError(
                    f"{path}: event {events}: a packet of {number} events of {width} bytes is "
                    "not valid"
                )
            if width * number > path.stat().st_size - file.tell():
                raise RecordingError(f"{path}: event {events}: the file is truncated")
            body = file.read(width * number)
            if kind != POLARITY or not number:
                continue
            words = np.frombuffer(body, "<u4").reshape(-1, width // 4)
            data, time = words[words[:, 0] & 1 == 1, :2].T
            part = Events(
                time.astype(np.int64) + (overflow << 31),
                (data >> 17 & 0x7FFF).astype(np.uint16),
                (data >> 2 & 0x7FFF).astype(np.uint16),
                (data >> 1 & 1) == 1,
                size,
                events,
            )
            events += len(part)
            yield part
