"""What a record knows of its data, its code and its classes, and what a continued run may read."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import load_task
from nasbench.errors import UserError
from nasbench.report.leaderboard import build
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.training.stopping import StopSignal
from retrain.train import configure, run_retrain

TASK = """
from pathlib import Path
import numpy as np
from nasbench.tasks.base import Task

def load(data_dir=None, download=True):
    data = np.load(Path(__file__).with_name("data.npz"))
    return Task.from_arrays("mine", (data["x"], data["y"]), (data["v"], data["w"]))
"""


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes a folder with a task of 40 random images."""

    def make(name, seed=0):
        rng, path = np.random.default_rng(seed), tmp_path / name
        path.mkdir()
        (path / "mine.py").write_text(TASK)
        images = rng.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
        labels = np.tile([0, 0, 1], 20)
        x, y, v, w = images[:40], labels[:40], images[40:], labels[40:]
        np.savez(path / "data.npz", x=x, y=y, v=v, w=w)
        return path

    return make


@pytest.fixture
def trained(tmp_path):
    """Return a function that trains a network on a folder's task and returns the record."""

    def train(path, seed=0, resumed=None):
        name = f"{path / 'mine.py'}:load"
        given = {"task": name, "device": "cpu", "epochs": 1, "batch_size": 20, "seed": seed}
        given["out"] = tmp_path / "out"
        job = configure(checkpoint(name), given, {})
        return run_retrain(job, NullCallback(), StopSignal(), resumed).record

    return train


def checkpoint(task):
    spec = load_task(configure_nothing(), task).spec
    return Checkpoint(
        space={"name": "small-cnn", "arguments": {"width": 2, "hidden_size": 4}},
        arch={},
        data=spec.to_json(),
        strategy={"name": "by hand", "options": {}},
        task=task,
        seed=0,
        kind="plain",
    )


def configure_nothing():
    from nasbench.config import TrainingConfig

    return TrainingConfig()


def test_rows_follow_data_and_code_not_their_place(folder, trained, tmp_path):
    here = folder("A")
    there = shutil.copytree(here, tmp_path / "B")
    first = trained(here), trained(there, seed=1)
    (row,) = build(first, [], None).rows
    assert (row.task, row.runs) == ("mine.py:load", 2)
    assert first[0].test_classes == [13, 7]
    assert row.chance == 65.0

    other_data = trained(folder("C", seed=1), seed=2)
    (there / "mine.py").write_text(TASK + "# edited\n")
    other_code = trained(there, seed=3)
    rows = build([*first, other_data, other_code], [], None).rows
    assert sorted(row.runs for row in rows) == [1, 1, 2]
    assert len({row.name for row in rows}) == 3


def test_a_run_is_not_continued_with_other_data(folder, trained, tmp_path):
    here = folder("A")
    trained(here)
    (run,) = (tmp_path / "out" / "runs").iterdir()
    (here / "data.npz").unlink()
    shutil.copy(folder("B", seed=1) / "data.npz", here)
    with pytest.raises(UserError, match="the run began with other data than these"):
        trained(here, resumed=RunFolder(run))


def test_the_fingerprint_of_a_task(folder):
    task = load_task(configure_nothing(), f"{folder('A') / 'mine.py'}:load")
    again = replace(task, train=task.train)
    assert task.fingerprint == again.fingerprint
    part = load_task(replace(configure_nothing(), limit_train=10), "digits")
    assert part.fingerprint == load_task(configure_nothing(), "digits").fingerprint
    for change in (
        {"spec": replace(task.spec, classes=3)},
        {"augmentation": replace(task.augmentation, flip=True)},
        {"train": replace(task.train, labels=1 - task.train.labels)},
        {"train": replace(task.train, images=task.train.images.float())},
        {"train": replace(task.train, groups=task.train.labels)},
    ):
        assert replace(task, **change).fingerprint != task.fingerprint
