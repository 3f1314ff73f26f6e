"""A folder for images under way, which is taken away, sooner or later, however a run ends."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".nasbench-images-"
ABANDONED_S = 86_400  # a run that goes on writes to its folder more often


@contextmanager
def scratch(parent: Path, prefix: str = PREFIX) -> Iterator[Path]:
    """Yield a new folder in ``parent``; those that killed runs left there are removed first.

    Args:
        parent: an existing folder.
        prefix: of the folders' names, which nobody else gives.

    Raises:
        OSError: ``parent`` cannot be written.
    """
    for left in parent.glob(f"{prefix}*"):
        with suppress(FileNotFoundError):  # another run may have ended just now
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        yield Path(folder)
