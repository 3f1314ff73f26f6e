"""The folders in which data sets are searched for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from nasbench.errors import UserError


def roots(data_dir: Path | None) -> list[Path]:
    """Return the folders to look in, in order; downloads go to the last one.

    If given, ``data_dir`` is the only one. Otherwise they are ``$NASBENCH_DATA``, if set, and
    ``~/.cache/nasbench``, which need not exist.

    Raises:
        UserError: ``data_dir`` is not a folder.
    """
    if data_dir is not None:
        folder = data_dir.expanduser().resolve()
        if not folder.is_dir():
            raise UserError(f"--data-dir {data_dir}: no such folder; it must exist")
        return [folder]
    from_environment = os.environ.get("NASBENCH_DATA")
    cache = Path.home() / ".cache" / "nasbench"
    return [Path(from_environment).expanduser(), cache] if from_environment else [cache]


def find(
    relative_names: Sequence[str],
    data_dir: Path | None,
    accept: Callable[[Path], bool] = Path.exists,
) -> Path | None:
    """Return the first path for which ``accept`` holds, or ``None``.

    Args:
        relative_names: files or folders below a root, in order of preference.
        data_dir: see :func:`roots`.
        accept: tests a path; by default, whether it exists.
    """
    paths = (root / name for root in roots(data_dir) for name in relative_names)
    return next((path for path in paths if accept(path)), None)


def is_taken(data_dir: Path | None) -> bool:
    """Return whether the user's folder holds files: missing data are not written among them."""
    return data_dir is not None and any(roots(data_dir)[0].iterdir())
