"""Events in NumPy's ``.npz``: one recording, or many packed one after the other.

- One recording: arrays ``t`` (microseconds), ``x``, ``y``, ``p`` of one length, and optionally
  ``width`` and ``height``.
- Packed, as N-MNIST: ``dt_us`` (time since the previous event), ``x``, ``y``, ``p``, ``offsets``
  (recording i is ``offsets[i]:offsets[i + 1]``), and for each recording ``label`` and ``split``
  (0 for training, 1 for testing). The sensor is 34x34 unless stated.

An event whose p is 1 is positive, any other is negative.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.errors import UserError
from nasbench.events.events import MAX_COORDINATE, Events, RecordingError, Size

ONE = ("t", "x", "y", "p")
PACKED = ("dt_us", "x", "y", "p", "offsets", "label", "split")
SIDES = ("width", "height")
KINDS = {"p": "biuf", "offsets": "iu", "label": "iu", "split": "biu"}  # of dtypes; else "iuf"
N_MNIST = Size(34, 34)
_MOST = 2**32  # bytes of arrays; all of N-MNIST has about 1.8 billion

Arrays = dict[str, NDArray[Any]]
DAMAGED = (  # what zipfile and NumPy raise; RuntimeError if a password is needed
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def load(path: Path, names: Collection[str]) -> Arrays:
    """Return those arrays of ``names`` that the ``.npz`` file holds; no others are read.

    Raises:
        RecordingError: it is not an ``.npz`` file, or one of the arrays cannot be read.
    """
    found: Arrays = {}
    name = "its list"
    try:
        with plain_files.open_bytes(path) as opened, np.load(opened, allow_pickle=False) as file:
            wanted = sorted(set(names) & set(file.files))
            _check_size(file.zip, wanted)
            for name in wanted:
                found[name] = np.asarray(file[name])  # a member that is not an array is bytes
    except (*DAMAGED, UserError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise RecordingError(f"{path}: not a readable .npz file ({name}: {reason})") from error
    return found


def _check_size(archive: zipfile.ZipFile, names: Collection[str]) -> None:
    """Raise if arrays are larger than ``_MOST`` once they are unpacked.

    Raises:
        ValueError: they are.
    """
    members = {f"{name}.npy" for name in names} | set(names)
    size = sum(one.file_size for one in archive.infolist() if one.filename in members)
    if size > _MOST:
        raise ValueError(f"{size:,} bytes of arrays: at most {_MOST:,} are read")


def samples(path: Path) -> list[tuple[int, int]] | None:
    """Return label and split of each recording of a packed file, or ``None`` if it is not packed.

    Raises:
        RecordingError: the file has neither form; the message names the expected arrays.
    """
    arrays = _arrays(path)
    if "offsets" not in arrays:
        return None
    splits = arrays["split"].astype(np.int64).tolist()
    return list(zip(arrays["label"].tolist(), splits, strict=True))


def read(path: Path, index: int | None = None) -> Events:
    """Return the recording, or recording ``index`` of a packed file.

    Raises:
        RecordingError: the file has neither form, or its arrays do not match.
    """
    arrays = _arrays(path)
    if "offsets" not in arrays:
        return _events(str(path), arrays, _whole(str(path), "t", arrays["t"]), slice(None))
    if index is None:
        raise RecordingError(f"{path}: holds {len(arrays['label'])} recordings; give an index")
    name = f"{path}: recording {index}"
    where = slice(*arrays["offsets"][index : index + 2].tolist())
    times = np.cumsum(_whole(name, "dt_us", arrays["dt_us"][where]))
    return _events(name, arrays, times, where)


@lru_cache(maxsize=1)
def _arrays(path: Path) -> Arrays:
    """Return the arrays of one form; cached, because a packed file is read many times."""
    found = load(path, {*ONE, *PACKED, *SIDES})
    form = min((PACKED, ONE), key=lambda form: len(set(form) - set(found)))
    if missing := [name for name in form if name not in found]:
        names = f"{', '.join(ONE)} or {', '.join(PACKED)}"
        raise RecordingError(f"{path}: lacks {', '.join(missing)}; must hold the arrays {names}")
    for name in form:
        values = found[name]
        if values.ndim != 1 or values.dtype.kind not in KINDS.get(name, "iuf"):
            kind = "integers" if name in KINDS else "numbers"
            actual = f"{values.dtype} of shape {values.shape}"
            raise RecordingError(f"{path}: {name} is {actual}; must be a list of {kind}")
    if len({len(found[name]) for name in form[:4]}) != 1:
        raise RecordingError(f"{path}: {', '.join(form[:4])} have different lengths")
    if form is PACKED:
        # Each event belongs to one recording, and each recording to one split.
        offsets, events = found["offsets"].astype(np.int64), len(found["x"])
        if not len(offsets) - 1 == len(found["label"]) == len(found["split"]):
            raise RecordingError(f"{path}: offsets must have one more entry than label and split")
        if offsets[0] != 0 or offsets[-1] != events or (offsets[1:] < offsets[:-1]).any():
            raise RecordingError(
                f"{path}: offsets must rise from 0 to {events}, the number of events"
            )
        if not np.isin(found["split"], (0, 1)).all():
            raise RecordingError(f"{path}: split must hold only 0 (training) and 1 (test)")
    return {name: found[name] for name in (*form, *SIDES) if name in found}


def _events(name: str, arrays: Arrays, times: NDArray[np.int64], where: slice) -> Events:
    """Return the events at ``where``; ``name`` names the recording in error messages."""
    x, y, p = (_whole(name, column, arrays[column][where]) for column in ("x", "y", "p"))
    for side, values in (("x", x), ("y", y)):
        wrong = (values < 0) | (values > MAX_COORDINATE)
        _check(name, side, values, wrong, f"0 to {MAX_COORDINATE}")
    size = N_MNIST if "offsets" in arrays else None
    if set(SIDES) <= set(arrays):
        for side in SIDES:
            value = arrays[side]
            if value.shape or value.dtype.kind not in "iu" or not 1 <= value <= MAX_COORDINATE + 1:
                shown = str(value.tolist())[:40]
                raise RecordingError(
                    f"{name}: {side} is {shown}; must be 1 to {MAX_COORDINATE + 1}"
                )
        size = Size(int(arrays["width"]), int(arrays["height"]))
    return Events(times, x.astype(np.uint16), y.astype(np.uint16), p == 1, size)


def _whole(name: str, column: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Return integers of any dtype as int64."""
    wrong = np.zeros(0, np.bool_)
    if values.dtype.kind == "f":  # a comparison with NaN is False
        wrong = ~(np.abs(values) < np.float64(2**63)) | (np.trunc(values) != values)
    elif values.dtype == np.uint64:
        wrong = values > np.uint64(2**63 - 1)
    _check(name, column, values, wrong, "a 64-bit integer")
    return values.astype(np.int64)


def _check(
    name: str, column: str, values: NDArray[Any], wrong: NDArray[np.bool_], expected: str
) -> None:
    if wrong.any():
        at = int(wrong.argmax())
        raise RecordingError(f"{name}: event {at}: {column} is {values[at]}; must be {expected}")
