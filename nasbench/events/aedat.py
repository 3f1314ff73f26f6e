"""AEDAT 2.0 (jAER) and AEDAT 3.1 (cAER): binary files with a header of text lines.

Both are read in blocks. The layouts are iniVation's (AEDAT File Formats), and for AEDAT 2.0
jAER's own reading of them: the address has its origin at the lower right, and a DVS128 states a
positive event by a 0. What is no pixel's change (external triggers, frames, IMU) is passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.events import header
from nasbench.events.events import Events, Refused, Size

BLOCK = 1 << 16  # events
PACKET = struct.Struct("<hhiiiiii")  # type, source, event's size, time's place, overflow, 3 counts
POLARITY = 1  # the type of a packet of pixel changes


class Layout(NamedTuple):
    """Which bits of an AEDAT 2.0 address mean what."""

    x_shift: int
    x_mask: int
    y_shift: int
    y_mask: int
    p_shift: int
    positive: int
    other: int  # any of these bits: no change of a pixel


DVS128 = Layout(1, 0x7F, 8, 0x7F, 0, positive=0, other=1 << 15)
DAVIS = Layout(12, 0x3FF, 22, 0x1FF, 11, positive=1, other=1 << 31 | 1 << 10)


def parts2(path: Path) -> Iterator[Events]:
    """Yield the events of an AEDAT 2.0 file: pairs of address and time, big-endian, 8 bytes.

    Raises:
        Refused: the chip is unknown, an event lies outside it, or the file ends inside one.
    """
    with path.open("rb") as file:
        name = _sensor(path, header.read(file, path)) or "dvs128"
        layout = DVS128 if name == "dvs128" else DAVIS
        events, before = 0, None
        while block := file.read(8 * BLOCK):
            if len(block) % 8:
                raise Refused(f"{path}: event {events + len(block) // 8}: the file is cut off")
            words = np.frombuffer(block, ">u4").reshape(-1, 2).astype(np.uint32)
            part = _decode(words, layout, header.SENSORS[name], events, before)
            _check_places(path, part)
            events += len(part)
            before = int(part.t[-1]) if len(part) else before
            yield part


def _sensor(path: Path, lines: list[str]) -> str | None:
    try:
        return header.sensor(lines)
    except KeyError as error:
        known = ", ".join(header.SENSORS)
        raise Refused(f"{path}: the chip {error.args[0]!r} is unknown; known: {known}") from error


def _check_places(path: Path, part: Events) -> None:
    """Raise where a coordinate began beyond the sensor and, turned around, is less than 0."""
    x, y = part.x.view(np.int16), part.y.view(np.int16)
    wrong = (x < 0) | (y < 0)
    if wrong.any():
        at = int(wrong.argmax())
        raise Refused(
            f"{path}: {part.where(at)}: x {x[at]}, y {y[at]} lies outside the sensor; "
            f"{part.size} is allowed"
        )


def _decode(
    words: NDArray[np.uint32], layout: Layout, size: Size, first: int, before: int | None
) -> Events:
    """Return the events of ``words`` (n, 2): addresses and times; ``before``: the last time."""
    address, time = words[(words[:, 0] & np.uint32(layout.other)) == 0].T
    x = (address >> layout.x_shift & layout.x_mask).astype(np.int64)
    y = (address >> layout.y_shift & layout.y_mask).astype(np.int64)
    p = (address >> layout.p_shift & 1) == layout.positive
    return Events(
        _unwrapped(np.ascontiguousarray(time).view(np.int32), before),
        (size.width - 1 - x).astype(np.uint16),
        (size.height - 1 - y).astype(np.uint16),
        p,
        size,
        first,
    )


def _unwrapped(clock: NDArray[np.int32], before: int | None) -> NDArray[np.int64]:
    """Return times that go on where the clock of 32 bits starts anew, after some 72 minutes."""
    if not len(clock):
        return clock.astype(np.int64)
    last = int(clock[0]) if before is None else before
    steps = np.diff(clock, prepend=np.int64(last).astype(np.int32))  # these start anew as well
    return last + np.cumsum(steps, dtype=np.int64)


def parts3(path: Path) -> Iterator[Events]:
    """Yield the events of an AEDAT 3.1 file, a packet at a time; little-endian.

    Raises:
        Refused: another format than RAW, no end of the header, or a packet that is cut off.
    """
    with path.open("rb") as file:
        lines = header.read(file, path)
        if not any(line.startswith("#!END-HEADER") for line in lines):
            raise Refused(f"{path}: the header of an AEDAT 3.1 file ends with #!END-HEADER")
        for line in lines:
            if line.startswith("#Format:") and line.split(":")[1].strip() != "RAW":
                raise Refused(f"{path}: {line[1:]!r}: the format RAW is allowed")
        name = _known(lines)
        size = header.SENSORS[name] if name else None
        events = 0
        while (found := _packet(file, path, size, events)) is not None:
            events += len(found)
            yield found


def _known(lines: list[str]) -> str | None:
    """Return the sensor; an unknown one does not matter here, since it changes no layout."""
    try:
        return header.sensor(lines)
    except KeyError:
        return None


def _packet(file: BinaryIO, path: Path, size: Size | None, first: int) -> Events | None:
    """Read up to the end of the next packet of pixel changes; ``None`` at the end of the file."""
    while head := file.read(PACKET.size):
        if len(head) < PACKET.size:
            raise Refused(f"{path}: event {first}: the file is cut off")
        kind, _, width, _, overflow, _, number, _ = PACKET.unpack(head)
        if width < 1 or number < 0 or (kind == POLARITY and (width < 8 or width % 4)):
            raise Refused(f"{path}: event {first}: {number} events of {width} bytes are no packet")
        if width * number > path.stat().st_size - file.tell():
            raise Refused(f"{path}: event {first}: the file is cut off")
        body = file.read(width * number)
        if kind == POLARITY and number:
            return _changes(body, width, overflow, size, first)
    return None


def _changes(body: bytes, width: int, overflow: int, size: Size | None, first: int) -> Events:
    """Decode a packet: bit 0 valid, bit 1 polarity, 15 bits y, 15 bits x, then 32 bits time."""
    words = np.frombuffer(body, "<u4").reshape(-1, width // 4)
    data, time = words[words[:, 0] & 1 == 1, :2].T
    return Events(
        time.astype(np.int64) + (overflow << 31),
        (data >> 17 & 0x7FFF).astype(np.uint16),
        (data >> 2 & 0x7FFF).astype(np.uint16),
        (data >> 1 & 1) == 1,
        size,
        first,
    )
