"""Events in NumPy's ``.npz``: one recording, or many packed one after the other.

- One recording: arrays ``t`` (microseconds), ``x``, ``y``, ``p`` of one length; ``width`` and
  ``height`` may be there.
- Packed, the form of N-MNIST: ``dt_us`` (time since the event before), ``x``, ``y``, ``p``,
  ``offsets`` (recording i is ``offsets[i]:offsets[i + 1]``), ``label`` and ``split`` (0 for
  training, 1 for testing), one entry a recording. Its sensor is 34x34 unless stated.

An event whose p is 1 is positive, any other negative.
"""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.events.events import LARGEST, Events, Refused, Size

ONE = ("t", "x", "y", "p")
PACKED = ("dt_us", "x", "y", "p", "offsets", "label", "split")
N_MNIST = Size(34, 34)

Arrays = dict[str, NDArray[Any]]


def samples(path: Path) -> list[tuple[int, int]] | None:
    """Return label and split of every recording of a packed file, ``None`` for one recording.

    Raises:
        Refused: it is no such file; the arrays that are allowed are named.
    """
    arrays = _arrays(path)
    if "offsets" not in arrays:
        return None
    if not len(arrays["offsets"]) - 1 == len(arrays["label"]) == len(arrays["split"]):
        raise Refused(f"{path}: offsets, label and split do not fit: one more offset is allowed")
    return list(zip(arrays["label"].tolist(), arrays["split"].tolist(), strict=True))


def read(path: Path, index: int | None = None) -> Events:
    """Return the recording, or number ``index`` of a packed file.

    Raises:
        Refused: it is no such file, or its arrays do not fit.
    """
    arrays = _arrays(path)
    if "offsets" not in arrays:
        return _events(path, arrays, arrays["t"], slice(None))
    if index is None:
        raise Refused(f"{path}: it holds {len(arrays['label'])} recordings; name one")
    start, end = arrays["offsets"][index : index + 2].tolist()
    where = slice(start, end)
    times = np.cumsum(arrays["dt_us"][where], dtype=np.int64)
    return _events(path, arrays, times, where)


@lru_cache(maxsize=1)
def _arrays(path: Path) -> Arrays:
    """Return all arrays; the last file is kept, since a packed one is asked for many times."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files if file[name].ndim <= 1}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise Refused(f"{path}: no readable .npz file ({error})") from error
    if not (set(found) >= set(ONE) or set(found) >= set(PACKED)):
        names = f"{', '.join(ONE)} or {', '.join(PACKED)}"
        raise Refused(f"{path}: arrays {', '.join(sorted(found))}; {names} are allowed")
    return found


def _events(path: Path, arrays: Arrays, times: NDArray[Any], where: slice) -> Events:
    columns = {"t": times, **{name: arrays[name][where] for name in ("x", "y", "p")}}
    if len({len(values) for values in columns.values()}) != 1:
        raise Refused(f"{path}: t, x, y and p have different lengths")
    for name, values in columns.items():
        if not np.array_equal(values, whole := values.astype(np.int64)):
            raise Refused(f"{path}: {name} is {values.dtype}: whole numbers are allowed")
        columns[name] = whole
    for name in ("x", "y"):
        wrong = np.flatnonzero((columns[name] < 0) | (columns[name] > LARGEST))
        if len(wrong):
            value = columns[name][wrong[0]]
            raise Refused(
                f"{path}: event {wrong[0]}: {name} is {value}; 0 to {LARGEST} is allowed"
            )
    pixels = columns["x"].astype(np.uint16), columns["y"].astype(np.uint16)
    return Events(columns["t"], *pixels, columns["p"] == 1, _size(arrays))


def _size(arrays: Arrays) -> Size | None:
    if {"width", "height"} <= set(arrays):
        return Size(int(arrays["width"]), int(arrays["height"]))
    return N_MNIST if "offsets" in arrays else None
