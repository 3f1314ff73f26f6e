"""A simulated event camera: limbs drawn before a background, and events from their brightness.

The sensor follows Lichtsteiner et al. (A 128x128 120 dB 15 us latency asynchronous temporal
contrast vision sensor, IEEE JSSC 2008): a pixel reports an event whenever the logarithm of its
brightness has changed by a step. Noise is uniform, and there is no refractory time.

Shapes: f frames, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasbench.events.events import Events, Size

SIDE = 128  # of the sensor, in pixels
BLOCK = 16  # frames drawn at a time, so that their arrays stay in the cache
STEP = 0.4  # change of the logarithm for an event
NOISE_HZ = 0.08  # noise events per pixel and second
FRAME_US = 8000  # between two frames

Floats = NDArray[np.float32]
Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]  # time, pixel, positive


@dataclass(frozen=True, eq=False)
class Scene:
    """The appearance of a walk: everything but its movement.

    Attributes:
        background: ``(h, w)``, logarithm of the brightness.
        shades: ``(limbs,)``, logarithm of the brightness of each limb.
    """

    background: Floats
    shades: Floats

    @classmethod
    def drawn(cls, stream: np.random.Generator, limbs: int) -> Scene:
        """Return a random scene: coarse blotches as background, and darker clothes."""
        coarse = stream.normal(0, 0.22, (SIDE // 8 + 1, SIDE // 8 + 1))
        places = np.arange(SIDE) / SIDE * (len(coarse) - 1)
        low = places.astype(np.int64)
        part = places - low
        rows = coarse[low] * (1 - part)[:, None] + coarse[low + 1] * part[:, None]
        background = rows[:, low] * (1 - part) + rows[:, low + 1] * part  # bilinear
        shades = stream.normal(-0.75, 0.1) + stream.normal(0, 0.1, limbs)
        return cls(background.astype(np.float32), shades.astype(np.float32))


def frames(
    limbs: NDArray[np.float64], radii: NDArray[np.float64], scene: Scene
) -> Iterator[Floats]:
    """Yield each frame, the logarithm of the brightness ``(h, w)``.

    Args:
        limbs: ``(limbs, f, 2, 2)``, the ends of each limb in pixels, from ``walker.skeleton``.
        radii: ``(limbs,)``, in pixels.
        scene: background and shades.
    """
    for start in range(0, limbs.shape[1], BLOCK):
        block = limbs[:, start : start + BLOCK].astype(np.float32)
        drawn = np.tile(scene.background, (block.shape[1], 1, 1))
        for ends, radius, shade in zip(block, radii.tolist(), scene.shades, strict=True):
            # Only the columns and rows that the limb touches in any of the frames are drawn.
            low = np.floor(ends.min(axis=(0, 1)) - radius - 1).clip(0, SIDE).astype(np.int64)
            high = np.ceil(ends.max(axis=(0, 1)) + radius + 2).clip(0, SIDE).astype(np.int64)
            columns, rows = (
                slice(*pair) for pair in zip(low.tolist(), high.tolist(), strict=True)
            )
            part = drawn[:, rows, columns]
            part += _capsule(rows, columns, ends, radius) * (shade - part)
        yield from drawn


def _capsule(rows: slice, columns: slice, ends: Floats, radius: float) -> Floats:
    """Return the share of each pixel that a limb covers, 0 to 1, ``(f, rows, columns)``.

    Args:
        rows: the rows to draw.
        columns: the columns to draw.
        ends: ``(f, 2, 2)`` as frame, end, (x, y), in pixels.
        radius: half the limb's thickness, in pixels.
    """
    ys = np.arange(rows.start, rows.stop, dtype=np.float32)[None, :, None]
    xs = np.arange(columns.start, columns.stop, dtype=np.float32)[None, None, :]
    (ax, ay), (bx, by) = (ends[:, end, :].T[:, :, None, None] for end in (0, 1))
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy + np.float32(1e-9)
    along = np.clip((xs - ax) * (dx / square) + (ys - ay) * (dy / square), 0, 1)
    far = (xs - ax - along * dx) ** 2
    far += (ys - ay - along * dy) ** 2
    np.sqrt(far, out=far)
    cover: Floats = np.clip(np.float32(radius + 0.5) - far, 0, 1)
    return cover


def events(frames: Iterable[Floats], stream: np.random.Generator) -> Events:
    """Return the events of frames that are ``FRAME_US`` apart, in ascending order of time.

    Args:
        frames: logarithms of brightness ``(h, w)``; at least two.
        stream: draws the noise, and the initial state of each pixel.
    """
    coming = iter(frames)
    before = next(coming)
    shape = before.shape
    reported = before - np.float32(STEP) * stream.random(shape, np.float32)
    found: list[Columns] = []
    for frame in coming:
        found.append(_between(before, frame, reported, len(found) * FRAME_US))
        before = frame
    pixels, length = int(np.prod(shape)), len(found) * FRAME_US
    number = int(stream.poisson(NOISE_HZ * pixels * length / 1e6))
    noise = stream.integers(0, pixels, number), stream.random(number) < 0.5
    found.append((stream.integers(0, length, number), *noise))
    t, pixel, positive = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.argsort(t, kind="stable")
    y, x = np.divmod(pixel[order], shape[1])
    size = Size(shape[1], shape[0])
    return Events(t[order], x.astype(np.uint16), y.astype(np.uint16), positive[order], size)


def _between(before: Floats, after: Floats, reported: Floats, start: int) -> Columns:
    """Return the events between two frames, between which brightness changes linearly.

    Args:
        before: logarithm of the brightness ``(h, w)`` at the first frame.
        after: likewise at the second frame.
        reported: ``(h, w)``, the level that each pixel reported last, at most a step below its
            brightness; updated in place.
        start: time of the first frame, in microseconds.
    """
    steps = np.floor((after - reported) / STEP).astype(np.int64)
    pixel = np.flatnonzero(steps)
    number = steps.ravel()[pixel]
    times = np.abs(number)
    owner = np.repeat(np.arange(len(pixel)), times)
    nth = np.arange(1, len(owner) + 1) - (times.cumsum() - times)[owner]  # 1, 2, ... of each pixel
    place, up = pixel[owner], number[owner] > 0
    # A rising pixel reports at last + step, last + 2 step; a falling one at last, last - step.
    level = reported.ravel()[place] + STEP * np.where(up, nth, 1 - nth)
    first, last = before.ravel()[place], after.ravel()[place]
    part = np.clip((level - first) / np.where(last == first, 1, last - first), 0, 1)
    reported += steps.astype(np.float32) * np.float32(STEP)
    return start + (part * (FRAME_US - 1)).astype(np.int64), place, up
