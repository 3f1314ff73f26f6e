"""Whose code may run: a file from elsewhere is data, and code that it names must be known here.

A checkpoint or a run folder may name a user's own space or task. That code runs without being
named on the command line only if this user has named it once on this machine, in the very same
text. What was named is remembered as empty files called by their SHA-256.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path


def fingerprint(name: str) -> str:
    """Return the SHA-256 of the file behind ``file.py:Name``; of ``package.module:Name`` itself.

    An experiment file, ``file.yml:trial``, names the command of its trials and is code as well.

    Raises:
        OSError: the file cannot be read.
    """
    where = name.rpartition(":")[0]
    of_file = where.endswith((".py", ".yml", ".yaml"))
    text = Path(where).read_bytes() if of_file else f"module {name}".encode()
    return hashlib.sha256(text).hexdigest()


def remember(name: str) -> None:
    """Remember that the user named this code."""
    # Where nothing can be written, the user has to name the code again; no reason to stop now.
    with contextlib.suppress(OSError):
        _folder().mkdir(parents=True, exist_ok=True)
        (_folder() / fingerprint(name)).touch()


def known(name: str) -> bool:
    """Return whether the user has named this code before, as it is now."""
    try:
        return (_folder() / fingerprint(name)).exists()
    except OSError:
        return False


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "nasbench" / "known-code"
