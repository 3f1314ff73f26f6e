"""``nb.task``: names, functions, arrays and datasets, and the runs that open them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from api_parts import CELL, SMALL
from torch.utils.data import TensorDataset

import nasbench as nb

TINY = {**SMALL, "limit_train": None, "space": "mobilenet-skip", "width": 0.25, "budget": 1}


@pytest.fixture(scope="module")
def bright() -> tuple[np.ndarray, np.ndarray]:
    """Dark and bright images ``(120, 8, 8)`` of two classes."""
    stream = np.random.default_rng(0)
    y = np.arange(120) % 2
    return stream.integers(0, 100, (120, 8, 8)).astype(np.uint8) + (y * 120)[:, None, None].astype(
        np.uint8
    ), y


def test_arrays_become_a_task_that_every_run_opens_again(here, bright):
    x, y = bright
    task = nb.task(x, y, metric="macro_f1", class_names=("dark", "bright"), quiet=True)
    assert task.spec.shape == (1, 8, 8)
    assert (len(task.train), task.metric.name) == (96, "macro_f1")  # a fifth is sealed
    assert task.class_counts(task.train) == [48, 48]
    assert Path(task.source).is_dir()
    assert "bright" in task._repr_html_()
    assert "macro_f1" in repr(task)
    found = nb.search("random", **{**TINY, "task": task, "batch_size": 16})
    assert set(found.metrics) == {"val_macro_f1"}
    assert found.info["config"]["task"] == task.source
    trained = found.retrain(epochs=2, batch_size=16, device="cpu", quiet=True)
    assert set(trained.metrics) == {"accuracy", "macro_f1"}
    assert trained.record.class_names == ["dark", "bright"]
    assert trained.record.test_examples == 24
    again = nb.task(task, metric="accuracy", quiet=True)
    assert (again.source, again.metric.name) == (task.source, "accuracy")
    assert again.fingerprint == task.fingerprint
    made = nb.predict(trained, x[:3], quiet=True)
    assert [one.top(1)[0][0] in ("dark", "bright") for one in made] == [True] * 3
    assert list(made.table["class"]) == [one.top(1)[0][0] for one in made]
    assert made.write("made.csv").read_text().count("\n") == 4
    assert len(nb.leaderboard([trained])) == 1


def test_a_dataset_is_taken_as_it_is(here, bright):
    x, y = (torch.as_tensor(one) for one in bright)
    data = TensorDataset(x[:, None].float(), y)
    task = nb.task(data, quiet=True)
    assert len(task.train) == 96
    assert task.spec.outputs == 2
    assert nb.search("random", **{**TINY, "task": data, "batch_size": 16}).status == "done"


def test_a_function_of_a_cell_is_a_task(here, cell):
    own = cell(
        "import nasbench as nb\nimport numpy as np\n"
        "def mine(data_dir=None):\n"
        "    x = np.zeros((40, 1, 4, 4), np.uint8)\n"
        "    return nb.Task.from_arrays('mine', (x, np.arange(40) % 2), (x, np.arange(40) % 2))\n"
    )
    task = nb.task(own["mine"], quiet=True)
    assert task.name == "mine"
    assert task.source.endswith("mine.py:mine")
    with pytest.raises(nb.UserError, match="task mine: a Task in memory cannot be opened again"):
        nb.task(own["mine"]())


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (("digit",), {}, "unknown task 'digit': did you mean digits"),
        (("digits", [1]), {}, "y: is for data in memory, and 'digits' says it itself"),
        ((3,), {}, "task 3: allowed: a name, a path, arrays, a dataset, a function"),
        (("digits",), {"size": 3}, "size=3: is for"),
        (("digits",), {"metric": "rmse"}, "metric=rmse: is for the target numbers"),
        (("digits",), {"metrics": "rmse"}, "unknown option 'metrics': did you mean metric"),
        ((np.zeros((4, 1, 2, 2)), [0, 1]), {}, "train has 4 examples and 2 targets"),
        ((np.zeros((4, 2)), [0, 1, 0, 1]), {"data_dir": "x"}, "data_dir=x: is for a built-in"),
        ((["a", "b"],), {}, "train: "),
        (("missing/",), {}, "task=missing/: there is no "),
    ],
)
def test_mistakes(here, given, options, message):
    with pytest.raises(nb.UserError) as raised:
        nb.task(*given, quiet=True, **options)
    assert message in str(raised.value)


@pytest.mark.slow
def test_a_network_is_exported(here, cell):
    found = nb.search("darts", space=cell(CELL)["MySpace"], **SMALL)
    made = nb.export(found, "py", "made", quiet=True)
    assert made.path.parent == Path("made")
    assert made.path in made.files
    assert not made.trained
    assert made.difference <= 1e-4
    with pytest.raises(nb.UserError, match="made is not an empty folder"):
        nb.export(found, "py", "made", quiet=True)
    with pytest.raises(nb.UserError, match="unknown export 'pyy': did you mean py"):
        nb.export(found, "pyy", "other", quiet=True)


def test_what_was_found_in_the_data_is_shown_once(here, bright, capsys):
    task = nb.task(*bright, name="shown")
    shown = capsys.readouterr().err
    assert "48" in shown or "60" in shown  # examples of a class
    nb.task(*bright, name="shown2", quiet=True)
    assert capsys.readouterr() == ("", "")
    assert task.spec.outputs == 2


def test_a_folder_of_pictures_in_three_lines(here, cell):
    from PIL import Image

    stream = np.random.default_rng(0)
    for number in range(60):
        kind = ("dark", "bright")[number % 2]
        pixels = stream.integers(0, 100, (9, 12, 3)) + 120 * (number % 2)
        Path("images", kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(f"images/{kind}/{number}.png")
    space = cell(CELL)["MySpace"]
    task = nb.task("images/", size=8, metric="balanced_accuracy", quiet=True)
    assert task.spec.shape == (3, 8, 8)
    options = {"epochs": 1, "batch_size": 8, "device": "cpu", "quiet": True}
    found = nb.search("darts", space=space, task=task, seeds=2, **options)
    board = nb.leaderboard([f.retrain(**options) for f in found])
    (row,) = board.board.rows
    assert (row.task, row.measure.name, row.seed_numbers) == (
        "images",
        "balanced_accuracy",
        (0, 1),
    )
    assert str(here) not in board.text("json")
