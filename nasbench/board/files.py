"""Reads files of a results folder that may come from somebody else."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from nasbench import plain_files, plain_json
from nasbench.errors import UserError
from nasbench.store.journal import finite

MOST_JSON = 8 * 2**20
"""Bytes of the largest JSON file that is read; a checkpoint has a few thousand."""

MOST_JOURNAL = 256 * 2**20
"""Bytes of a journal, from its end, that count for the progress of a run."""

MOST_EVENTS = 32 * 2**20
"""Bytes of a journal that is shown event by event."""

_PRECISE = 2**53  # the limit of exact integers in a browser

Signature = tuple[int, ...]
"""A file's size and its time of change, which differ once the file has changed."""


def inside(path: Path, root: Path) -> bool:
    """Return whether a path exists and lies in ``root`` after its links are followed."""
    try:
        real = os.path.realpath(path, strict=True)  # three times as fast as Path.resolve
    except OSError:  # nothing there, or a circle of links
        return False
    return real == (within := _resolved(root)) or real.startswith(within.rstrip(os.sep) + os.sep)


@lru_cache(maxsize=256)
def _resolved(root: Path) -> str:
    return os.path.realpath(root)


def signature(path: Path) -> Signature:
    """Return the signature of a file; ``()`` if there is none."""
    try:
        facts = path.stat()
    except OSError:
        return ()
    return facts.st_size, facts.st_mtime_ns


def opened(path: Path, bound: Path) -> BinaryIO:
    """Return a file that is open to read bytes.

    Args:
        path: the file.
        bound: the folder that it must not lead out of.

    Raises:
        ValueError: it is missing, leads out, or is not a plain file: a pipe might never end.
    """
    if not inside(path, bound):
        raise ValueError(f"{path.name}: missing, or outside of the results")
    try:
        return plain_files.open_bytes(path)
    except UserError as error:
        raise ValueError(f"{path.name}: {error}") from error


def read_bytes(path: Path, bound: Path, most: int) -> bytes:
    """Return the content of a file.

    Args:
        path: the file.
        bound: the folder that it must not lead out of.
        most: the largest size that is read, bytes.

    Raises:
        ValueError: see :func:`opened`; or the file has more than ``most`` bytes.
    """
    try:
        with opened(path, bound) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ValueError(f"{path.name}: {error.strerror or error}") from error
    if len(content) > most:
        raise ValueError(f"{path.name}: larger than {most // 2**20} MB")
    return content


def read_json(path: Path, bound: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        ValueError: it is not such a file, or cannot be read; the reason in one line.
    """
    text = read_bytes(path, bound, MOST_JSON)
    try:
        content = plain_json.parse(text)
    except UserError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name}: no JSON object")
    return content


def checkpoint_of(path: Path, bound: Path) -> dict[str, Any]:
    """Return the content of a run folder's ``checkpoint.json``; nothing if there is none."""
    try:
        return read_json(path / "checkpoint.json", bound)
    except ValueError:
        return {}


def whole(value: Any) -> int | None:
    """Return a whole number in [0, 2**53), ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _PRECISE else None


def text(value: Any) -> str:
    """Return a text as it is, and any other value as JSON.

    Lone surrogates, which JSON allows and an address does not, are replaced.
    """
    if value is None:
        return ""
    found = value if isinstance(value, str) else json.dumps(value, default=str)
    return found.encode("utf-8", "replace").decode("utf-8")


def packed(content: dict[str, Any]) -> str:
    """Return JSON in ASCII, with null for NaN and infinity."""
    try:
        return json.dumps(content, allow_nan=False)
    except ValueError:  # rare, and it takes as long again
        return json.dumps(finite(content), allow_nan=False)
