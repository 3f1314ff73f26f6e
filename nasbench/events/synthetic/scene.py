"""Limbs drawn in front of a background: the logarithm of each pixel's brightness.

Letters: f frames, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 128  # of the sensor, in pixels
BLOCK = 16  # frames drawn at a time: their arrays stay in the cache

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scene:
    """What a walk looks like beside its movement.

    Attributes:
        background: (h, w), logarithm of the brightness.
        shades: of each limb, likewise.
    """

    background: Floats
    shades: Floats

    @classmethod
    def drawn(cls, stream: np.random.Generator, limbs: int) -> Scene:
        """Return a random scene: coarse blotches behind, clothes darker than they."""
        coarse = stream.normal(0, 0.22, (SIDE // 8 + 1, SIDE // 8 + 1))
        background = _enlarged(coarse)
        shades = stream.normal(-0.75, 0.1) + stream.normal(0, 0.1, limbs)
        return cls(background.astype(np.float32), shades.astype(np.float32))


def frames(
    limbs: NDArray[np.float64], radii: NDArray[np.float64], scene: Scene
) -> Iterator[Floats]:
    """Yield every frame, (h, w).

    Args:
        limbs: their ends, (limbs, f, 2, 2), as ``walker.skeleton`` returns them.
        radii: (limbs,).
        scene: the shades.
    """
    for start in range(0, limbs.shape[1], BLOCK):
        yield from _block(limbs[:, start : start + BLOCK], radii, scene)


def _block(limbs: NDArray[np.float64], radii: NDArray[np.float64], scene: Scene) -> Floats:
    """Return some frames, (f, h, w); a limb touches only the pixels of its box."""
    drawn = np.tile(scene.background, (limbs.shape[1], 1, 1))
    for ends, radius, shade in zip(limbs.astype(np.float32), radii, scene.shades, strict=True):
        columns, rows = _box(ends, float(radius))
        part = drawn[:, rows, columns]
        part += _capsule(rows, columns, ends, float(radius)) * (shade - part)
    return drawn


def _box(ends: Floats, radius: float) -> tuple[slice, ...]:
    """Return the columns and the rows that a limb touches in any of the frames."""
    low = np.floor(ends.min(axis=(0, 1)) - radius - 1).clip(0, SIDE).astype(np.int64)
    high = np.ceil(ends.max(axis=(0, 1)) + radius + 2).clip(0, SIDE).astype(np.int64)
    return tuple(slice(*pair) for pair in zip(low.tolist(), high.tolist(), strict=True))


def _capsule(rows: slice, columns: slice, ends: Floats, radius: float) -> Floats:
    """Return how much of each pixel a limb covers, 0 to 1, as (f, rows, columns).

    Args:
        rows: of the picture.
        columns: of the picture.
        ends: (f, 2, 2) as time, end, (x, y).
        radius: half the limb's thickness.
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


def _enlarged(coarse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (h, w) values between those of a coarse grid, linear in both directions."""
    places = np.arange(SIDE) / SIDE * (len(coarse) - 1)
    low = places.astype(np.int64)
    part = places - low
    rows = coarse[low] * (1 - part)[:, None] + coarse[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part
