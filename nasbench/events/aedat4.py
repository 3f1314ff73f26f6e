"""AEDAT 4 (DV), read by the package aedat, or by dv-processing if only that one is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nasbench.errors import UserError
from nasbench.events.events import Events, RecordingError, Size
from nasbench.optional import available, require


def parts(path: Path) -> Iterator[Events]:
    """Yield the events of an AEDAT 4 file's first event stream, one packet at a time.

    Raises:
        RecordingError: neither package is installed, the file is damaged, or it has no events.
    """
    with_dv = not available("aedat") and available("dv_processing")
    packets = _by_dv if with_dv else _by_aedat
    first = 0
    try:
        for size, t, x, y, p in packets(path):
            pixels = x.astype(np.uint16), y.astype(np.uint16)
            yield Events(t.astype(np.int64), *pixels, p.astype(np.bool_), size, first)
            first += len(t)
    except UserError as error:
        raise RecordingError(f"{path}: {error}") from error
    except BaseException as error:
        panic = type(error).__name__ == "PanicException"  # of aedat, which is written in Rust
        if not (panic or isinstance(error, RuntimeError | OSError)):
            raise
        reason = str(error).partition("\n")[0]  # the packages' messages may have many lines
        raise RecordingError(
            f"{path}: event {first}: not a readable AEDAT 4 file ({reason})"
        ) from error


def _by_aedat(path: Path) -> Iterator[tuple[Any, ...]]:
    decoder = require("aedat", "an AEDAT 4 file").Decoder(path)
    streams = decoder.id_to_stream()
    ours = [key for key, stream in streams.items() if stream["type"] == "events"]
    if not ours:
        raise UserError("it holds no event stream")
    size = Size(streams[ours[0]]["width"], streams[ours[0]]["height"])
    for packet in decoder:
        if packet["stream_id"] == ours[0]:
            events = packet["events"]
            yield size, events["t"], events["x"], events["y"], events["on"]


def _by_dv(path: Path) -> Iterator[tuple[Any, ...]]:
    library = require("dv_processing", "an AEDAT 4 file", "dv-processing")
    recording = library.io.MonoCameraRecording(str(path))
    if not recording.isEventStreamAvailable():
        raise UserError("it holds no event stream")
    size = Size(*recording.getEventResolution())
    while (store := recording.getNextEventBatch()) is not None:
        events = store.numpy()
        yield size, events["timestamp"], events["x"], events["y"], events["polarity"]
