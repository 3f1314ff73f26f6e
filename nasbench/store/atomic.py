"""Atomic writes: a file is either complete or absent."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nasbench.errors import UserError
from nasbench.faults import telling_what_failed as telling_what_failed  # for the whole store


def write(path: Path, fill: Callable[[IO[bytes]], Any]) -> None:
    """Write ``path`` atomically: to a temporary file, flushed to the disk, then renamed.

    Args:
        path: the file; missing parent folders are created.
        fill: writes the content into the open file.

    Raises:
        MachineError: the disk is full, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with telling_what_failed(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _fresh(temporary) as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _fresh(path: Path) -> IO[bytes]:
    """Create a file anew: a link or a file of its name, left by a kill or laid there, goes."""
    try:
        return path.open("xb")
    except FileExistsError:
        path.unlink()
        return path.open("xb")


def open_to_append(path: Path) -> IO[bytes]:
    """Open a file at its end, for reading as well, or create it; never through a symbolic link.

    Raises:
        OSError: it is a link, or cannot be opened.
    """
    special = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | special, 0o666), "ab+")


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content``, atomically."""
    write(path, lambda file: file.write(content))


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically."""
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")


def check_empty(folder: Path) -> None:
    """Raise unless a folder is empty or does not exist.

    Raises:
        UserError: it is not empty, or not a folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not an empty folder: name another one")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder whose files become those of ``target`` if no error is raised inside.

    Args:
        target: a folder that is empty or does not exist; its parents are created.

    Raises:
        UserError: it holds files, or cannot be written.
    """
    check_empty(target)
    target = target.absolute()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with telling_what_failed(target):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            if not target.exists():
                temporary.rename(target)
                return
            for made in temporary.iterdir():
                made.rename(target / made.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
