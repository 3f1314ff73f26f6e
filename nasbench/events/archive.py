"""The arrays of an ``.npz`` file that anyone may have written, or damaged."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.events.events import Refused

Arrays = dict[str, NDArray[Any]]
DAMAGED = (  # what zipfile and NumPy raise; RuntimeError where a password is needed
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
    """Return those arrays of ``names`` that ``path`` holds; others are not even read.

    Raises:
        Refused: it is no ``.npz`` file, or one of the arrays cannot be read.
    """
    found: Arrays = {}
    name = "its list"
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            for name in sorted(set(names) & set(file.files)):
                found[name] = np.asarray(file[name])  # what is no array comes as bytes
    except DAMAGED as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise Refused(f"{path}: no readable .npz file ({name}: {reason})") from error
    return found
