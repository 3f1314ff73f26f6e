"""Predictions as rows: classes, several labels, numbers; batches of any size keep the order."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.data.preprocessing import Preprocessing
from nasbench.engine.predict import Columns, Prediction, Predictor, write_csv
from nasbench.errors import UserError
from nasbench.tasks.digits import load_digits

ABOUT = Preprocessing(
    task="mine", shape=(4,), outputs=3, dtype="float32", class_names=("a", "b", "c")
)


def predictor(about, network=None):
    network = nn.Identity() if network is None else network
    return Predictor(None, network, about, torch.device("cpu"), "fp32")  # type: ignore[arg-type]


def prediction(target, *scores):
    return Prediction("x", scores, ABOUT.class_names, target)


def test_rows_of_every_target(tmp_path):
    labels, numbers = replace(ABOUT, target="labels"), replace(ABOUT, target="numbers")
    some = prediction("labels", 0.5, 0.2, 0.75)
    assert (some.labels, Columns(labels).cells(some)) == (
        *(("a", "c"), ["x", "a+c", "0.5", "0.2", "0.75"]),
    )
    assert Columns(labels).cells(prediction("labels", 0.1, 0.2, 0.3))[1] == ""
    assert Columns(labels).head == ["file", "labels", "a", "b", "c"]
    values = prediction("numbers", -1.5, 0.25, 1e20)
    assert Columns(numbers).cells(values) == ["x", "-1.5", "0.25", "1e+20"]
    assert Columns(numbers).head == ["file", "a", "b", "c"]
    write_csv(tmp_path / "out.csv", Columns(numbers), [values])
    with (tmp_path / "out.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["file", "a", "b", "c"], ["x", "-1.5", "0.25", "1e+20"]]
    with pytest.raises(UserError, match="--top 2: is for classes"):
        Columns(numbers, top=2)


def test_scores_of_every_target():
    rows = torch.tensor([[1.0, -2.0, 0.5]])
    for target, expected in (
        ("class", rows.softmax(1)),
        ("labels", rows.sigmoid()),
        ("numbers", rows),
    ):
        about = replace(ABOUT, shape=(3,), target=target)
        assert torch.equal(predictor(about).scores(rows), expected)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_order_and_bad_rows_in_batches_of_any_size(batch_size):
    rows = np.arange(40, dtype=np.float32).reshape(10, 4)
    rows[[2, 7], 1] = np.nan
    about = replace(ABOUT, outputs=4, target="numbers", class_names=())
    found = list(predictor(about).predict([rows, rows[:1]], batch_size))
    assert [one.name for one in found] == [*(f"array[{n}]" for n in range(10)), "array[0]"]
    for number, one in enumerate(found[:10]):
        assert one.scores == (() if number in (2, 7) else tuple(rows[number]))
        assert bool(one.error) is (number in (2, 7))


def test_a_single_example_and_float64_are_taken():
    about = replace(ABOUT, outputs=4, target="numbers", class_names=())
    (one,) = predictor(about).predict([np.array([1.0, 2.0, 3.0, 4.0])])
    assert one.scores == (1.0, 2.0, 3.0, 4.0)
    with pytest.raises(UserError, match=r"array: is int64 \(1, 5\), and the network takes float"):
        list(predictor(about).predict([np.zeros((1, 5), dtype=np.int64)]))


def test_tokens_outside_of_the_vocabulary():
    about = replace(ABOUT, dtype="int64", vocabulary=5, outputs=4, target="numbers")
    about = replace(about, class_names=())
    found = list(predictor(about).predict([np.array([[0, 1, 2, 4], [0, 0, 0, 5]])]))
    assert [one.error for one in found] == ["", "holds a token outside of 0 to 4"]


def test_outputs_that_are_no_numbers_are_no_prediction():
    class Bad(nn.Module):
        def forward(self, x):
            return x / 0

    about = replace(ABOUT, outputs=4, target="numbers", class_names=())
    (one,) = predictor(about, Bad()).predict([np.ones((1, 4))])
    assert (one.scores, one.error) == ((), "the network's outputs are no finite numbers")


def test_a_table_is_whole_or_absent(tmp_path):
    def failing():
        yield prediction("numbers", 1.0, 2.0, 3.0)
        raise UserError("an input is gone")

    with pytest.raises(UserError, match="an input is gone"):
        write_csv(tmp_path / "out.csv", Columns(replace(ABOUT, target="numbers")), failing())
    assert list(tmp_path.iterdir()) == []


def test_no_inputs():
    with pytest.raises(UserError, match="no INPUTS given"):
        list(predictor(ABOUT).predict([]))


def test_the_preprocessing_of_a_task_is_its_augmentation():
    task = load_digits()
    about = task.preprocessing
    batch = task.train.images[:5]
    assert torch.equal(about.normalised(batch), task.augmentation.plain(batch))
    assert about == Preprocessing.from_json(about.to_json())
    assert (about.takes_pictures, about.size, about.names[3]) == (True, (8, 8), "3")

    class Own(type(task.augmentation)):
        def plain(self, images):
            return images.float()

    own = Own(task.augmentation.mean, task.augmentation.std)
    assert replace(task, augmentation=own).preprocessing is None
