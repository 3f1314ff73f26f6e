"""Small data sets of a user's own with the default options of ``quick``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench.tasks import loading

EXAMPLE = Path(__file__).parents[2] / "examples" / "my_space.py"
STRIPES = """\
import numpy as np

from nasbench import Task

COUNT = {count}


def load(data_dir=None, download=True):
    stream = np.random.default_rng(0)
    labels = np.arange(COUNT * 5 // 4) % 4
    rows, columns = np.mgrid[:10, :10] / 10
    angles = np.pi * labels[:, None, None] / 4
    along = np.cos(angles) * rows + np.sin(angles) * columns
    light = 0.5 + 0.3 * np.sin(2 * np.pi * (2 * along + stream.random((len(labels), 1, 1))))
    noise = 0.3 * stream.standard_normal((len(labels), 1, 10, 10))
    pictures = (255 * np.clip(light[:, None] + noise, 0, 1)).astype(np.uint8)
    train, test = (pictures[:COUNT], labels[:COUNT]), (pictures[COUNT:], labels[COUNT:])
    return Task.from_arrays("stripes", train, test, classes=4)
"""


@pytest.fixture
def stripes(place):
    """Writes the task's file with a number of training pictures."""

    def write(count: int = 240) -> tuple[str, ...]:
        (place / "stripes.py").write_text(STRIPES.format(count=count))
        return ("--task", "stripes.py:load", "--device", "cpu", "--json")

    return write


@pytest.fixture
def loads(monkeypatch):
    """Counts how often a task is read."""
    seen: list[str] = []
    read = loading.load
    for module in ("nasbench.engine.problem.load", "nasbench.study.plan.load"):
        monkeypatch.setattr(module, lambda name, *more: (seen.append(name), read(name, *more))[1])
    return seen


def of_runs() -> list[dict]:
    paths = sorted(Path("results").rglob("run.json"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in paths]


SPACE = ("--space", f"{EXAMPLE}:MySpace")


@pytest.mark.slow
def test_300_pictures_are_learned_by_steps_and_not_by_epochs(run, stripes):
    words = stripes()
    found = run("search", "random", *SPACE, *words, "--budget", "1", "--epochs", "1")
    assert found.status == 0, found.err
    results = {}
    for name, more in {"epochs": ("--epochs", "4", "--batch-size", "64"), "steps": ()}.items():
        answer = run("retrain", found.json["checkpoint"], "--device", "cpu", "--json", *more)
        assert answer.status == 0, answer.err
        results[name] = answer.json["test_accuracy"]
    assert results["epochs"] < 0.8
    assert results["steps"] >= 0.98
    length = of_runs()[-1]["training"]
    assert length == {"examples": 240, "batch_size": 32, "epochs": 92, "steps": 644}


def test_a_search_says_its_length_and_reads_the_data_once_for_all_seeds(run, stripes, loads):
    words = stripes()
    answer = run("search", "darts", *SPACE, *words[:-1], "--epochs", "2", "--seeds", "2")
    assert answer.status == 0, answer.err
    assert "2 epochs of 7 steps" in answer.err
    assert loads == ["stripes.py:load"]
    for info in of_runs():
        assert info["training"] == {"examples": 120, "batch_size": 16, "epochs": 2, "steps": 14}


@pytest.mark.parametrize("count", [8, 40])
def test_a_set_smaller_than_a_batch_is_no_error(run, stripes, count):
    words = stripes(count)
    for verb in (
        ("search", "darts", *SPACE, "--epochs", "1"),
        ("search", "random", *SPACE, "--epochs", "1", "--budget", "1"),
        ("hpo", "small-cnn", "--tuner", "random", "--epochs", "1", "--budget", "2"),
    ):
        answer = run(*verb, *words)
        assert answer.status == 0, answer.err
    short = ("--epochs", "1", "--device", "cpu", "--json")
    assert run("retrain", answer.json["checkpoint"], *short, "--batch-size", "4").status == 0
    found = sorted(Path("results/runs").glob("*-search-darts-*"))[0]
    for more in ((), ("--folds", "2"), ("--val-fraction", "0.5")):
        again = run("retrain", found, *short, *more)
        assert again.status == 0, again.err
    refused = run("retrain", found, *short, "--batch-size", str(count + 1))
    assert f"--batch-size {count + 1} is larger than the {count} training images" in refused.err


def test_a_study_reads_the_data_once(run, stripes, loads):
    stripes()
    Path("s.yaml").write_text(
        f"""\
task: stripes.py:load
seeds: 2
entries:
  found: {{search: random, space: "{EXAMPLE}:MySpace", budget: 1, epochs: 1}}
  tested: {{retrain: found, epochs: 1}}
"""
    )
    answer = run("study", "s.yaml", "--device", "cpu")
    assert answer.status == 0, answer.err
    assert loads == ["stripes.py:load"]
    again = run("study", "s.yaml", "--device", "cpu")
    assert "4 runs, 4 of them done" in again.out
