"""Which files the images of recordings go to, and whether these may be written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nasbench.errors import UserError

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def destination(out: Path, split: str | None) -> Path:
    """Return the file of a split: ``gait.h5`` without one, else ``gait-train.h5``."""
    return out if split is None else out.with_name(f"{out.stem}-{split}{out.suffix}")


def check(out: Path, splits: Iterable[str | None]) -> None:
    """Raise unless the files of all splits are new, or HDF5 files that may be replaced.

    Raises:
        UserError: a recording or a file of another kind would be overwritten, or ``out`` names
            no file.
    """
    if not out.name or out.is_dir():
        raise UserError(f"--out {out} is a folder: name a file, such as {out / 'gait.h5'}")
    for path in sorted({destination(out, split) for split in splits}):
        if path.exists() and not _replaceable(path):
            raise UserError(f"{path} is no HDF5 file and is left as it is: give another --out")


def _replaceable(path: Path) -> bool:
    """Whether ``path`` is empty or begins as an HDF5 file does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) in (b"", SIGNATURE)
