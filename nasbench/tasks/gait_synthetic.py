"""Event images of synthetic walkers, made on first use: the gait task without its data set.

Results on it show that a search or a network works, but say nothing about real gait. The user's
own synthetic walkers are read here too, because the task's name appears beside every result.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from nasbench.data.locate import find, is_taken, roots
from nasbench.errors import UserError
from nasbench.events import convert, synthetic
from nasbench.events.hdf5_reader import read_contents
from nasbench.events.processes import progress_bar, scratch_folder
from nasbench.tasks.base import Task
from nasbench.tasks.event_files import GAIT_PAIR, GAIT_WHOLE, has_pair, with_sibling
from nasbench.tasks.gait import gait_task

# Ends with the number of the recipe: another recipe writes another set to another folder.
FOLDER = "gait-synthetic/1"
SCRATCH_PREFIX = ".making-"
PERSONS = 21
WALKS = {"train": 16, "test": 8}
SEED = 0


def load_gait_synthetic(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return the synthetic gait task: 21 persons with 16 walks to train on and 8 to test on.

    Missing files are made first.

    Args:
        data_dir: the only folder to look in and to write to, ``None`` for the usual ones; or a
            file that ``nasbench data gait`` made of other synthetic walkers.
        download: whether missing files may be made.

    Raises:
        UserError: the files cannot be made, are damaged, or hold real recordings.
    """
    if data_dir is not None and data_dir.expanduser().is_file():
        files = [read_contents(path) for path in with_sibling(data_dir.expanduser())]
        for file in files:
            if not file.synthetic:
                raise UserError(
                    f"gait-synthetic: {file.path} is not marked as synthetic: "
                    f"use --task gait --data-dir {file.path}"
                )
    else:
        folder = find([FOLDER], data_dir, accept=has_pair)
        if folder is None:
            target = roots(data_dir)[-1] / FOLDER
            if not download:
                raise UserError(f"gait-synthetic: {' and '.join(GAIT_PAIR)} not found in {target}")
            if is_taken(data_dir) and not target.parent.is_dir():
                raise UserError(
                    f"--data-dir {data_dir}: has no folder {FOLDER} with the files of "
                    "gait-synthetic, nor is it empty to make them in"
                )
            folder = make(target)
        files = [read_contents(folder / name) for name in GAIT_PAIR]
    return gait_task("gait-synthetic", files, "synthetic walkers, no real recordings")


def make(folder: Path) -> Path:
    """Make the recordings and from them the two files in ``folder``; return the folder.

    A folder that exists is complete. No other processes are started, so that a program that loads
    the task needs no ``if __name__ == "__main__"``.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder.parent, SCRATCH_PREFIX) as temporary:
            raw, made = temporary / "synthetic", temporary / "made"
            synthetic.write(raw, PERSONS, WALKS, SEED, 1, progress_bar)
            convert.convert(raw, made / GAIT_WHOLE, convert.ImageOptions(), 1, True, progress_bar)
            if not has_pair(folder):  # another process may have been faster
                shutil.rmtree(folder, ignore_errors=True)
                made.replace(folder)
    except OSError as error:
        raise UserError(
            f"gait-synthetic: cannot write {folder} ({error.strerror or error}): "
            "choose another --data-dir"
        ) from error
    return folder
