"""Event images of made-up walkers, made on first use: the gait task without its data set.

What is found here says nothing about real gait; it shows that a search or a network works.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from nasbench.data.locate import find, roots
from nasbench.errors import UserError
from nasbench.events import gait
from nasbench.events.bar import bar
from nasbench.events.convert import Options
from nasbench.events.synthetic import dataset
from nasbench.tasks.base import Task
from nasbench.tasks.gait import PAIR, WHOLE, gait_task

# With the number of the recipe: another recipe makes another set, in another folder.
FOLDER = "gait-synthetic/1"
MAKING = ".making-"
PERSONS = 21
WALKS = {"train": 16, "test": 8}
SEED = 0
ABANDONED_S = 86_400  # a making that was killed leaves its folder


def load_gait_synthetic(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return the synthetic gait task, 21 persons with 16 walks to train and 8 to test.

    Where the files are not there yet, they are made first.

    Args:
        data_dir: the only folder to look in and to write to; None for the usual ones.
        download: whether missing files may be made.

    Raises:
        UserError: the files cannot be made, or are damaged.
    """
    folder = find([FOLDER], data_dir, accept=_whole)
    if folder is None:
        root = roots(data_dir)[-1]
        if not download:
            raise UserError(f"gait-synthetic: {' and '.join(PAIR)} are not in {root / FOLDER}")
        folder = make(root / FOLDER)
    files = [folder / name for name in PAIR]
    return gait_task("gait-synthetic", files, "synthetic walkers, no real recordings")


def make(folder: Path) -> Path:
    """Make recordings and of them the two files in ``folder``, which is there whole or not at all.

    It is done in one process, so that a program that loads the task needs no main guard.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=MAKING) as temporary:
            raw, made = Path(temporary) / "synthetic", Path(temporary) / "made"
            dataset.write(raw, PERSONS, WALKS, SEED, 1, bar)
            gait.make(raw, made / WHOLE, Options(), 1, True, bar)
            if not _whole(folder):  # another process may have been faster
                shutil.rmtree(folder, ignore_errors=True)
                made.replace(folder)
    except OSError as error:
        raise UserError(
            f"gait-synthetic: cannot write {folder} ({error.strerror or error}): "
            "choose another --data-dir"
        ) from error
    return folder


def _sweep(parent: Path) -> None:
    """Take away what makings left that were killed."""
    for left in parent.glob(f"{MAKING}*"):
        if time.time() - left.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)


def _whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in PAIR)
