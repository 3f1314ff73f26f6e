"""Binary files of the ATIS camera, as N-MNIST and N-Caltech101 are published (``.bin``).

An event has five bytes: x, y, then 24 bits, the first being the polarity and the others the time
in microseconds. An event with y = 240, a row that the sensor does not have, says that 8,192
microseconds have passed that the times after it lack (Orchard et al., 2015, and their reader).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nasbench import plain_files
from nasbench.errors import UserError
from nasbench.events.events import Events, RecordingError

SUFFIX = ".bin"
_BYTES = 5  # of an event
_OVERFLOW_ROW = 240
_OVERFLOW_US = 1 << 13
_MOST = 1 << 30  # bytes of a file; the longest recording of N-Caltech101 has about 2 million


def parts(path: Path) -> Iterator[Events]:
    """Yield all events of a recording; the file does not state the sensor's size.

    Raises:
        RecordingError: the file cannot be read, or is cut.
    """
    try:
        content = plain_files.read_bytes(path, _MOST)
    except UserError as error:
        raise RecordingError(f"{path}: {error}") from error
    if not content or len(content) % _BYTES:
        raise RecordingError(
            f"{path}: has {len(content):,} bytes: must be events of {_BYTES} bytes each"
        )
    x, y, high, middle, low = np.frombuffer(content, np.uint8).reshape(-1, _BYTES).T
    t = (high & 0x7F).astype(np.int64) << 16 | middle.astype(np.int64) << 8 | low
    marks = y == _OVERFLOW_ROW
    t += np.cumsum(marks) * _OVERFLOW_US
    seen = ~marks
    yield Events(t[seen], x[seen].astype(np.uint16), y[seen].astype(np.uint16), high[seen] >= 0x80)
