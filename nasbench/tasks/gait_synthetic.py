"""Event images of made-up walkers, made on first use: the gait task without its data set.

What is found here says nothing about real gait; it shows that a search or a network works. The
task's name stands beside every result, so made-up walkers of the user's own are read here, too.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from nasbench.data.locate import find, roots
from nasbench.errors import UserError
from nasbench.events import convert, synthetic
from nasbench.events.hdf5_reader import Contents, read_contents
from nasbench.events.processes import progress_bar, scratch_folder
from nasbench.tasks.base import Task
from nasbench.tasks.gait import gait_task
from nasbench.tasks.gait_files import PAIR, WHOLE, beside

# With the number of the recipe: another recipe makes another set, in another folder.
FOLDER = "gait-synthetic/1"
MAKING = ".making-"
PERSONS = 21
WALKS = {"train": 16, "test": 8}
SEED = 0


def load_gait_synthetic(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return the synthetic gait task, 21 persons with 16 walks to train and 8 to test.

    Where the files are not there yet, they are made first.

    Args:
        data_dir: the only folder to look in and to write to; None for the usual ones. Or a file
            that ``nasbench data gait`` made of other made-up walkers, which are the task then.
        download: whether missing files may be made.

    Raises:
        UserError: the files cannot be made, are damaged, or hold real recordings.
    """
    if data_dir is not None and data_dir.expanduser().is_file():
        files = [_made_up(path) for path in beside(data_dir.expanduser())]
    else:
        folder = _folder(data_dir, download)
        files = [read_contents(folder / name) for name in PAIR]
    return gait_task("gait-synthetic", files, "synthetic walkers, no real recordings")


def _made_up(path: Path) -> Contents:
    """Return what a file holds, after a look at its mark."""
    file = read_contents(path)
    if not file.synthetic:
        raise UserError(
            f"gait-synthetic: {path} is not marked as synthetic: "
            f"--task gait --data-dir {path} is allowed"
        )
    return file


def _folder(data_dir: Path | None, download: bool) -> Path:
    """Return the folder of the two files, which are made where they are missing."""
    folder = find([FOLDER], data_dir, accept=_whole)
    if folder is not None:
        return folder
    root = roots(data_dir)[-1]
    if not download:
        raise UserError(f"gait-synthetic: {' and '.join(PAIR)} are not in {root / FOLDER}")
    return make(root / FOLDER)


def make(folder: Path) -> Path:
    """Make recordings and of them the two files in ``folder``, which is there whole or not at all.

    It is done in one process, so that a program that loads the task needs no main guard.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder.parent, MAKING) as temporary:
            raw, made = temporary / "synthetic", temporary / "made"
            synthetic.write(raw, PERSONS, WALKS, SEED, 1, progress_bar)
            convert.convert(raw, made / WHOLE, convert.ImageOptions(), 1, True, progress_bar)
            if not _whole(folder):  # another process may have been faster
                shutil.rmtree(folder, ignore_errors=True)
                made.replace(folder)
    except OSError as error:
        raise UserError(
            f"gait-synthetic: cannot write {folder} ({error.strerror or error}): "
            "choose another --data-dir"
        ) from error
    return folder


def _whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in PAIR)
