"""Pictures that are the same: by the hash of their pixels, and nearly, whatever their sizes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LARGEST = 0.035
"""Largest difference of two thumbnails of one picture, as a share of its range of gray values."""
MEAN = 0.008
"""Largest mean difference likewise. Of copies of MNIST, Fashion-MNIST and CIFAR-10 that were
resized to 20 to 100 pixels, 95 of 100 lie below; their different pictures lie above."""
_FLATTEST = 24  # gray values: nearly plain pictures look alike
_NEIGHBOURS = 8  # of each picture that are compared; copies of copies come together by groups


def same(digests: Array) -> Array:
    """Return the number of the first picture with the same pixels for each, int64 ``(n,)``.

    Args:
        digests: void or bytes ``(n,)``.
    """
    _, first, which = np.unique(digests, return_index=True, return_inverse=True)
    found: Array = first[which]
    return found


def alike(thumbs: Array) -> Array:
    """Return pairs of pictures that look like the same one in two sizes, int64 ``(k, 2)``.

    Args:
        thumbs: uint8 ``(n, side, side)``, each picture in gray; ``side`` is a multiple of four.
    """
    values = thumbs.reshape(len(thumbs), thumbs.shape[1] * thumbs.shape[2]).astype(np.float32)
    spread = np.ptp(values, axis=1)
    found = [np.empty((0, 2), np.int64)]
    least = _FLATTEST
    while least <= 255:
        # Spreads of copies differ by less than twice LARGEST: each octave reaches so far down.
        octave = (spread >= max(_FLATTEST, least * (1 - 2 * LARGEST))) & (spread < 2 * least)
        found.append(_near(values, spread, np.flatnonzero(octave), 2 * least))
        least *= 2
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _near(values: Array, spread: Array, rows: Array, most: int) -> Array:
    """Return the pairs among some rows, whose spread is below ``most``, int64 ``(k, 2)``."""
    from scipy.spatial import KDTree

    if len(rows) < 2:
        return np.empty((0, 2), np.int64)
    # The means of blocks differ by no more than the mean of their pixels' differences, so all
    # copies lie within this radius. A tree of 8 coordinates is fast, one of all 64 is not.
    side = math.isqrt(values.shape[1])
    blocks = values[rows].reshape(len(rows), 4, side // 4, 2, side // 2).mean((2, 4))
    blocks = blocks.reshape(len(rows), 8)
    radius = 8 * MEAN * most
    count = min(_NEIGHBOURS, len(rows) - 1) + 1
    _, near = KDTree(blocks).query(blocks, count, p=1, distance_upper_bound=radius)
    one, place = np.nonzero((near < len(rows)) & (near != np.arange(len(rows))[:, None]))
    one, other = rows[one], rows[near[one, place]]
    difference = np.abs(values[one] - values[other]) / spread[one, None]
    equal = (difference.max(1) <= LARGEST) & (difference.mean(1) <= MEAN)
    return np.stack([one[equal], other[equal]], 1)


def groups(first: Array, pairs: Array) -> Array:
    """Return a number for each picture that all its copies share, int64 ``(n,)``.

    Args:
        first: see :func:`same`.
        pairs: see :func:`alike`.
    """
    group: Array = first.copy()

    def head(row: int) -> int:
        while group[row] != row:
            row = int(group[row])
        return row

    for one, other in pairs.tolist():
        ends = head(one), head(other)
        group[max(ends)] = min(ends)
    while not np.array_equal(group[group], group):
        group = group[group]
    return group


def joined(rows: Array | None, twins: Array | None) -> Array | None:
    """Return groups of rows that also hold all copies of their rows, int64 ``(n,)``.

    Where no copies lie in different groups, they are the given ones.

    Args:
        rows: the number of each row's group ``(n,)``, or ``None`` if each is its own.
        twins: a number for each row that its copies share ``(n,)``, or ``None`` likewise.
    """
    if twins is None:
        return rows
    first = same(twins)
    if rows is None:
        return None if np.array_equal(first, np.arange(len(first))) else twins
    parted = np.flatnonzero(rows != rows[first])
    if not len(parted):
        return rows
    return groups(same(rows), np.stack([parted, first[parted]], 1))
