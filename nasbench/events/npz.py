"""Events in NumPy's ``.npz``: one recording, or many packed one after the other.

- One recording: arrays ``t`` (microseconds), ``x``, ``y``, ``p`` of one length; ``width`` and
  ``height`` may be there.
- Packed, the form of N-MNIST: ``dt_us`` (time since the event before), ``x``, ``y``, ``p``,
  ``offsets`` (recording i is ``offsets[i]:offsets[i + 1]``), ``label`` and ``split`` (0 for
  training, 1 for testing), one entry a recording. Its sensor is 34x34 unless stated.

An event whose p is 1 is positive, any other negative.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.events.archive import Arrays, load
from nasbench.events.events import LARGEST, Events, Refused, Size

ONE = ("t", "x", "y", "p")
PACKED = ("dt_us", "x", "y", "p", "offsets", "label", "split")
SIDES = ("width", "height")
KINDS = {"p": "biuf", "offsets": "iu", "label": "iu", "split": "biu"}  # others: numbers
N_MNIST = Size(34, 34)


def samples(path: Path) -> list[tuple[int, int]] | None:
    """Return label and split of every recording of a packed file, ``None`` for one recording.

    Raises:
        Refused: it is no such file; the arrays that are allowed are named.
    """
    arrays = _arrays(path)
    if "offsets" not in arrays:
        return None
    splits = arrays["split"].astype(np.int64).tolist()
    return list(zip(arrays["label"].tolist(), splits, strict=True))


def read(path: Path, index: int | None = None) -> Events:
    """Return the recording, or number ``index`` of a packed file.

    Raises:
        Refused: it is no such file, or its arrays do not fit.
    """
    arrays = _arrays(path)
    if "offsets" not in arrays:
        return _events(str(path), arrays, _whole(str(path), "t", arrays["t"]), slice(None))
    if index is None:
        raise Refused(f"{path}: it holds {len(arrays['label'])} recordings; name one")
    name = f"{path}: recording {index}"
    where = slice(*arrays["offsets"][index : index + 2].tolist())
    times = np.cumsum(_whole(name, "dt_us", arrays["dt_us"][where]))
    return _events(name, arrays, times, where)


@lru_cache(maxsize=1)
def _arrays(path: Path) -> Arrays:
    """Return the arrays of one form; the last file is kept, as a packed one is read many times."""
    found = load(path, {*ONE, *PACKED, *SIDES})
    form = min((PACKED, ONE), key=lambda form: len(set(form) - set(found)))
    if missing := [name for name in form if name not in found]:
        names = f"{', '.join(ONE)} or {', '.join(PACKED)}"
        raise Refused(f"{path}: it lacks {', '.join(missing)}; arrays {names} are allowed")
    for name in form:
        _check_numbers(path, name, found[name])
    if len({len(found[name]) for name in form[:4]}) != 1:
        raise Refused(f"{path}: {', '.join(form[:4])} have different lengths")
    if form is PACKED:
        _check_recordings(path, found)
    return {name: found[name] for name in (*form, *SIDES) if name in found}


def _check_numbers(path: Path, name: str, values: NDArray[Any]) -> None:
    if values.ndim != 1 or values.dtype.kind not in KINDS.get(name, "iuf"):
        kind = "whole numbers" if name in KINDS else "numbers"
        found = f"{values.dtype} of shape {values.shape}"
        raise Refused(f"{path}: {name} is {found}; a list of {kind} is allowed")


def _check_recordings(path: Path, arrays: Arrays) -> None:
    """Raise unless each event belongs to one recording, and each recording to one split."""
    offsets, events = arrays["offsets"].astype(np.int64), len(arrays["x"])
    if not len(offsets) - 1 == len(arrays["label"]) == len(arrays["split"]):
        raise Refused(f"{path}: offsets, label and split do not fit: one more offset is allowed")
    if offsets[0] != 0 or offsets[-1] != events or (offsets[1:] < offsets[:-1]).any():
        raise Refused(f"{path}: offsets must rise from 0 to {events}, the number of events")
    if not np.isin(arrays["split"], (0, 1)).all():
        raise Refused(f"{path}: split holds other numbers than 0 (training) and 1 (test)")


def _events(name: str, arrays: Arrays, times: NDArray[np.int64], where: slice) -> Events:
    """Return the events at ``where``; ``name``: of the recording, for what is refused."""
    x, y, p = (_whole(name, column, arrays[column][where]) for column in ("x", "y", "p"))
    for side, values in (("x", x), ("y", y)):
        wrong = (values < 0) | (values > LARGEST)
        _refuse(name, side, values, wrong, f"0 to {LARGEST} is")
    pixels = x.astype(np.uint16), y.astype(np.uint16)
    return Events(times, *pixels, p == 1, _size(name, arrays))


def _whole(name: str, column: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Return whole numbers as int64."""
    wrong = np.zeros(0, np.bool_)
    if values.dtype.kind == "f":  # NaN is less than nothing
        wrong = ~(np.abs(values) < np.float64(2**63)) | (np.trunc(values) != values)
    elif values.dtype == np.uint64:
        wrong = values > np.uint64(2**63 - 1)
    _refuse(name, column, values, wrong, "whole numbers of 64 bits are")
    return values.astype(np.int64)


def _refuse(
    name: str, column: str, values: NDArray[Any], wrong: NDArray[np.bool_], allowed: str
) -> None:
    if wrong.any():
        at = int(wrong.argmax())
        raise Refused(f"{name}: event {at}: {column} is {values[at]}; {allowed} allowed")


def _size(name: str, arrays: Arrays) -> Size | None:
    if not set(SIDES) <= set(arrays):
        return N_MNIST if "offsets" in arrays else None
    for side in SIDES:
        value = arrays[side]
        if value.shape or value.dtype.kind not in "iu" or not 1 <= value <= LARGEST + 1:
            shown = str(value.tolist())[:40]
            raise Refused(f"{name}: {side} is {shown}; 1 to {LARGEST + 1} is allowed")
    return Size(int(arrays["width"]), int(arrays["height"]))
