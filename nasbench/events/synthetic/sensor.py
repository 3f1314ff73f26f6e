"""An event camera: a pixel reports whenever the logarithm of its brightness has moved by a step.

The model of Lichtsteiner et al. (A 128x128 120 dB 15 us latency asynchronous temporal contrast
vision sensor, IEEE JSSC 2008), with uniform noise and no refractory time.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nasbench.events.events import Events, Size

STEP = 0.4  # of the logarithm, for an event
NOISE_HZ = 0.08  # events of a pixel in a second where nothing moves
FRAME_US = 8000

Floats = NDArray[np.float32]
Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]  # time, pixel, positive


def events(frames: Iterable[Floats], stream: np.random.Generator) -> Events:
    """Return the events of frames that are ``FRAME_US`` apart, in the order of their times.

    Args:
        frames: (h, w) each, logarithms of brightness; two at least.
        stream: of the noise, and of each pixel's state at the beginning.
    """
    coming = iter(frames)
    before = next(coming)
    shape = before.shape
    told = before - np.float32(STEP) * stream.random(shape, np.float32)
    found: list[Columns] = []
    for frame in coming:
        found.append(_between(before, frame, told, len(found) * FRAME_US))
        before = frame
    found.append(_noise(shape, len(found) * FRAME_US, stream))
    t, pixel, positive = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.argsort(t, kind="stable")
    y, x = np.divmod(pixel[order], shape[1])
    size = Size(shape[1], shape[0])
    return Events(t[order], x.astype(np.uint16), y.astype(np.uint16), positive[order], size)


def _between(before: Floats, after: Floats, told: Floats, start: int) -> Columns:
    """Return the events from one frame to the next, whose levels are crossed in a straight line.

    ``told`` is the level that each pixel reported last, at most a step below its brightness; it
    is brought up to date.
    """
    steps = np.floor((after - told) / STEP).astype(np.int64)
    pixel = np.flatnonzero(steps)
    number = steps.ravel()[pixel]
    times = np.abs(number)
    owner = np.repeat(np.arange(len(pixel)), times)
    nth = np.arange(1, len(owner) + 1) - (times.cumsum() - times)[owner]  # 1, 2, ... of each pixel
    place, up = pixel[owner], number[owner] > 0
    # Upwards a pixel reports at told + step, told + 2 step; downwards at told, told - step.
    level = told.ravel()[place] + STEP * np.where(up, nth, 1 - nth)
    first, last = before.ravel()[place], after.ravel()[place]
    part = np.clip((level - first) / np.where(last == first, 1, last - first), 0, 1)
    told += steps.astype(np.float32) * np.float32(STEP)
    return start + (part * (FRAME_US - 1)).astype(np.int64), place, up


def _noise(shape: tuple[int, ...], length: int, stream: np.random.Generator) -> Columns:
    """Return events anywhere, any time, of either sign."""
    pixels = int(np.prod(shape))
    number = int(stream.poisson(NOISE_HZ * pixels * length / 1e6))
    where = stream.integers(0, pixels, number), stream.random(number) < 0.5
    return stream.integers(0, length, number), *where
