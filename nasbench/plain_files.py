"""Reads the bytes and the text of files that anybody may have written."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from typing import BinaryIO

from nasbench.errors import UserError

MOST = 16 * 2**20
"""Bytes of the largest text file that is read; a checkpoint has a few thousand."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def open_bytes(path: Path) -> BinaryIO:
    """Return a plain file that is open to read bytes.

    Raises:
        UserError: it cannot be opened or is not a plain file, since a pipe or a device might never
            end; the caller names the file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise UserError(reason(error)) from error
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        raise UserError("Is a directory" if stat.S_ISDIR(kind) else "no plain file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, most: int = MOST) -> bytes:
    """Return the content of a plain file.

    Args:
        path: the file.
        most: the largest size that is read, bytes.

    Raises:
        UserError: it cannot be read, or is larger; the caller names the file.
    """
    try:
        with open_bytes(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UserError(reason(error)) from error
    if len(content) > most:
        raise UserError(f"larger than {most / 2**20:g} MB")
    return content


def read_text(path: Path, most: int = MOST) -> str:
    """Return the text of a plain file; see :func:`decode`.

    Args:
        path: the file.
        most: the largest size that is read, bytes.

    Raises:
        UserError: it cannot be read, is larger, or is no text; the caller names the file.
    """
    return decode(read_bytes(path, most))


def decode(content: bytes) -> str:
    """Return the text in UTF-8 bytes, or in UTF-16 with a byte-order mark.

    Raises:
        UserError: it is no text; the caller names the file.
    """
    coding = next((c for mark, c in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(coding)
    except UnicodeDecodeError as error:
        raise UserError(f"no text in UTF-8: {error.reason}") from error


def reason(error: Exception) -> str:
    """Return why a file cannot be read, without its name."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
