"""Data from elsewhere: arrays, tables and packed folders run nothing and lead nowhere else."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from security_foreign import Foreign, bomb

from nasbench.tasks import arrays

SEARCH = ("search", "random", "--budget", "1", "--device", "cpu", "--task")


def write_bomb(foreign: Foreign, path: Path) -> None:
    """Write an array of objects whose reading would run code."""
    with path.open("wb") as file:
        header = {"descr": "|O", "fortran_order": False, "shape": (4, 3)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bomb(foreign))


def test_arrays_are_never_unpickled(foreign: Foreign):
    write_bomb(foreign, Path("X.npy"))
    np.save("y.npy", np.arange(4) % 2)
    assert "X.npy: not a readable .npy file" in foreign.refused(*SEARCH, "X.npy,y.npy")
    with zipfile.ZipFile("data.npz", "w") as archive:
        archive.write("X.npy", "x.npy")
        archive.write("y.npy", "y.npy")
    assert "which are not unpickled" in foreign.refused(*SEARCH, "data.npz")
    Path("labels.csv").write_text("file,label\nX.npy,1\nX.npy,2\n")
    assert "X.npy: not a readable .npy file" in foreign.refused(*SEARCH, "labels.csv")


@pytest.mark.parametrize(
    "name", ["../home/mine.png", "{home}/mine.png", "link.png", "in/mine.png"]
)
def test_a_table_reads_nothing_outside_of_its_folder(foreign: Foreign, name):
    Image.new("L", (8, 8)).save(foreign.home / "mine.png")
    Path("link.png").symlink_to(foreign.home / "mine.png")
    Path("in").symlink_to(foreign.home)
    Path("labels.csv").write_text(f"file,label\n{name.format(home=foreign.home)},1\n")
    assert "lies outside of" in foreign.refused(*SEARCH, "labels.csv")


def test_a_table_waits_for_no_pipe(foreign: Foreign):
    os.mkfifo("pipe.png")
    Path("labels.csv").write_text("file,label\npipe.png,1\npipe.png,2\n")
    assert "no plain file" in foreign.refused(*SEARCH, "labels.csv")
    os.mkfifo("pipe.csv")
    assert "no plain file" in foreign.refused(*SEARCH, "pipe.csv")


def test_names_in_a_table_cannot_steer_the_terminal(foreign: Foreign):
    Path("labels.csv").write_text("file,label\n\x1b[2Jx.png\u2028,1\n")
    assert "\\u001b[2Jx.png" in foreign.refused(*SEARCH, "labels.csv")


@pytest.mark.parametrize("wrong", ["link", "pickle", "names", "pipe"])
def test_a_packed_folder_from_elsewhere(foreign: Foreign, wrong):
    task = arrays.from_memory((np.eye(40, dtype=np.float32), np.arange(40) % 2))
    folder = Path(task.name).rename("packed")
    examples = folder / "train-examples.npy"
    if wrong in ("link", "pipe"):
        examples.unlink()
        if wrong == "link":
            examples.symlink_to("/dev/zero")
        else:
            os.mkfifo(examples)
    elif wrong == "pickle":
        write_bomb(foreign, examples)
    else:
        content = json.loads((folder / "task.json").read_text())
        content["fingerprints"]["train-/../../home/mine.txt"] = "0"
        (folder / "task.json").write_text(json.dumps(content))
    line = foreign.refused(*SEARCH, "packed")
    assert "packed" in line
