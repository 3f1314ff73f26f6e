"""Reads IDX, the format of the MNIST files.

Two zero bytes, one byte for the dtype (8: unsigned bytes), one for the number of dimensions, then
each dimension as a big-endian 32-bit integer, then the values in row-major order.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from nasbench import plain_files
from nasbench.errors import UserError

_UNSIGNED_BYTES = 8
_MOST = 2**31  # bytes of values; EMNIST, the largest set in this format, has 547 million
_MOST_SIDES = 8


def read_idx(path: Path) -> Tensor:
    """Read an IDX file of bytes, compressed if its name ends in ``.gz``.

    Of a compressed file no more is unpacked than its header announces.

    Returns:
        uint8 tensor of the shape that the file states.

    Raises:
        UserError: the file cannot be read, is not an IDX file of bytes, or is damaged.
    """
    try:
        file = plain_files.open_bytes(path)
    except UserError as error:
        raise UserError(f"{path} cannot be read ({error})") from error
    try:
        with file:
            if path.suffix != ".gz":
                return _values(path, file)
            with gzip.open(file) as unpacked:
                return _values(path, unpacked)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path} is truncated or damaged ({error}): delete it and download again"
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({plain_files.reason(error)})") from error


def _values(path: Path, file: BinaryIO | gzip.GzipFile) -> Tensor:
    """Return the values of an open file, whose path is for errors."""
    head = file.read(4)
    wrong = len(head) < 4 or head[:2] != b"\0\0" or head[2] != _UNSIGNED_BYTES
    if wrong or not 1 <= head[3] <= _MOST_SIDES:
        raise UserError(
            f"{path} is not an IDX file of bytes: it starts with {head.hex() or 'nothing'}, "
            "and must start with 000008 and the number of dimensions"
        )
    sides = file.read(4 * head[3])
    if len(sides) < 4 * head[3]:
        raise UserError(f"{path} is truncated: {4 + len(sides)} bytes, too few for its header")
    shape = struct.unpack(f">{head[3]}I", sides)
    stated, size = math.prod(shape), "x".join(map(str, shape))
    if stated > _MOST:
        raise UserError(f"{path}: its header states {size} bytes: at most {_MOST:,} are read")
    raw = file.read(stated + 1)
    if len(raw) > stated:
        raise UserError(f"{path} is too long: its header states {size} = {stated} bytes of values")
    if len(raw) < stated:
        raise UserError(
            f"{path} is truncated: {len(raw)} bytes of values, but its header states "
            f"{size} = {stated}"
        )
    # Copied, because a tensor needs writable memory.
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint8).copy()).view(shape)
