"""Pictures that are the same: by the hash of their pixels, and nearly, whatever their sizes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LARGEST = 0.035
"""Largest difference of two thumbnails of one picture, as a share of its range of grey values."""
MEAN = 0.008
"""Largest mean difference likewise. Of copies of MNIST, Fashion-MNIST and CIFAR-10 that were
resized to 20 to 100 pixels, 95 of 100 lie below; their different pictures lie above."""
_FLATTEST = 24  # grey values: nearly plain pictures look alike
_CELL = 2 * MEAN * 255 * 2
_MOST = 20_000_000  # pairs: of more than 4,000 pictures only those next to each other in the grid


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
        thumbs: uint8 ``(n, side, side)``, each picture in grey.
    """
    values = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    spread = np.ptp(values, axis=1)
    rows = np.flatnonzero(spread >= _FLATTEST)
    values, spread = values[rows], spread[rows]
    half = values.shape[1] // 2
    # Two thumbnails of one picture differ little in these means, so they share a cell of a grid
    # or of one that is shifted by half a cell.
    upper, lower = values[:, :half].mean(1), values[:, half:].mean(1)
    left = values.reshape(len(rows), *thumbs.shape[1:])[:, :, : thumbs.shape[2] // 2].mean((1, 2))
    tolerance = 2 * MEAN * spread
    found = [np.empty((0, 2), np.int64)]
    for shift in product((0.0, 0.5), repeat=2):
        cells = np.floor(upper / _CELL + shift[0]) * 1000 + np.floor(lower / _CELL + shift[1])
        order = np.lexsort((left, cells))
        for apart in range(1, max(2, min(len(order), _MOST // max(1, len(order))))):
            one, other = order[:-apart], order[apart:]
            near = (cells[one] == cells[other]) & (left[other] - left[one] <= tolerance[one])
            if not near.any():
                break
            one, other = one[near], other[near]
            difference = np.abs(values[one] - values[other]) / spread[one, None]
            equal = (difference.max(1) <= LARGEST) & (difference.mean(1) <= MEAN)
            found.append(np.stack([rows[one[equal]], rows[other[equal]]], 1))
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs, axis=0)


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
