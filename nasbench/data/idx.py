"""Reads IDX, the format of the MNIST files.

Two zero bytes, one byte for the dtype (8: unsigned bytes), one for the number of dimensions, then
each dimension as a big-endian 32-bit integer, then the values in row-major order.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nasbench.errors import UserError

_UNSIGNED_BYTES = 8


def read_idx(path: Path) -> Tensor:
    """Read an IDX file of bytes, compressed if its name ends in ``.gz``.

    Returns:
        uint8 tensor of the shape that the file states.

    Raises:
        UserError: the file cannot be read, is not an IDX file of bytes, or is damaged.
    """
    raw = _contents(path)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UNSIGNED_BYTES or raw[3] == 0:
        raise UserError(
            f"{path} is not an IDX file of bytes: it starts with {raw[:4].hex() or 'nothing'}, "
            "and must start with 000008 and the number of dimensions"
        )
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise UserError(f"{path} is truncated: {len(raw)} bytes, too few for its header")
    shape = np.frombuffer(raw[4:start], dtype=">u4").tolist()
    stated, found = math.prod(shape), len(raw) - start
    if found != stated:
        what = "is truncated" if found < stated else "is too long"
        size = "x".join(map(str, shape))
        raise UserError(
            f"{path} {what}: {found} bytes of values, but its header states {size} = {stated}"
        )
    # Copied, because a tensor needs writable memory.
    values = np.frombuffer(raw, dtype=np.uint8, offset=start).copy()
    return torch.from_numpy(values).view(shape)


def _contents(path: Path) -> bytes:
    """Return the file's bytes, decompressed."""
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path} is truncated or damaged ({error}): delete it and download again"
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error})") from error
