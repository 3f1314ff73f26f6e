"""The copy of a user's own code that a run folder keeps, ``code/``, so that it can be rebuilt.

A copy is data like the rest of the folder: whether it may run is asked as for any other code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nasbench.store.atomic import write_bytes

FOLDER = "code"


def keep(folder: Path, names: Iterable[str]) -> None:
    """Copy the files of a user's own code into a run folder.

    Args:
        folder: the run folder.
        names: ``file.py:Name``; other names are passed over.

    Raises:
        UserError: a copy cannot be written.
    """
    for name in names:
        path = Path(name.rpartition(":")[0])
        if path.suffix == ".py" and path.is_file():
            content = path.read_bytes()
            copy = copy_of(folder, name, hashlib.sha256(content).hexdigest())
            if not copy.exists():
                write_bytes(copy, content)


def copy_of(folder: Path, name: str, digest: str) -> Path:
    """Return where a run folder keeps the file of ``file.py:Name`` with this SHA-256."""
    return folder / FOLDER / digest[:12] / Path(name.rpartition(":")[0]).name


def found(folder: Path, name: str, digest: Any) -> str:
    """Return the name of the code: itself, or that of the copy where its file is gone.

    Args:
        folder: the run folder.
        name: as the run has it; only ``file.py:Name`` has a copy.
        digest: the SHA-256 of the file that the run read.
    """
    where, _, attribute = name.rpartition(":")
    if not (where.endswith(".py") and re.fullmatch(r"[0-9a-f]{64}", str(digest))):
        return name
    copy = copy_of(folder, name, str(digest))
    try:
        if Path(where).is_file() or hashlib.sha256(copy.read_bytes()).hexdigest() != digest:
            return name
    except (OSError, ValueError):
        return name
    return f"{copy}:{attribute}"


def located(folder: Path, config: Mapping[str, Any], digests: Any) -> dict[str, Any]:
    """Return a run's options with the copies in place of code whose files are gone.

    Args:
        folder: the run folder.
        config: the options by name.
        digests: the SHA-256 of each file of a user's own code, by the code's name.
    """
    known = digests if isinstance(digests, dict) else {}
    return {
        option: found(folder, value, known[value])
        if isinstance(value, str) and value in known
        else value
        for option, value in config.items()
    }
