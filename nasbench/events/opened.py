"""What h5py tells of a file that another script wrote, or that is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.optional import require

_DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # what h5py raises
_LETTERS = 120  # of its reasons, which can be many hundred


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Yield the file; a damage that shows later is told like one that shows at once.

    Raises:
        UserError: h5py is missing, or the file cannot be read.
    """
    library = require("h5py", "an HDF5 file")
    try:
        with library.File(path, "r") as file:
            yield file
    except _DAMAGED as error:
        raise UserError(f"{path} is no readable HDF5 file ({_reason(error)})") from error


def image(path: Path, file: Any, name: str) -> NDArray[Any]:
    """Return the pixels of the image ``name`` as they are stored.

    Raises:
        UserError: they are damaged.
    """
    try:
        found: NDArray[Any] = file[name][()]
    except _DAMAGED as error:
        raise UserError(f"{path}: image {name} cannot be read ({_reason(error)})") from error
    return found


def is_image(data: Any) -> bool:
    """Whether an object of a file holds numbers in three dimensions, none of them empty."""
    shape = getattr(data, "shape", None)  # also None for a dataset without any space
    return shape is not None and len(shape) == 3 and min(shape) > 0 and data.dtype.kind in "fiu"


def text(file: Any, attribute: str) -> str | None:
    """Return an attribute of a file or an image, which some write as bytes or in pieces."""
    value = file.attrs.get(attribute)
    if value is None:
        return None
    pieces = np.ravel(value).tolist()
    return ",".join(
        one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in pieces
    )


def _reason(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return str(reason).partition("\n")[0][:_LETTERS]
