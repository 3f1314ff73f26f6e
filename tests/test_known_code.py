"""A file from elsewhere is data: code that it names does not run unless the user named it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from nasbench import known_code
from nasbench.cli import main

CODE = """
import pathlib
from torch import nn
from nasbench.space import LayerChoice, SearchSpace

pathlib.Path("it-ran").touch()


class Net(SearchSpace):
    def __init__(self, spec):
        super().__init__(spec)
        size = spec.channels * spec.height * spec.width
        self.body = LayerChoice(
            {"a": lambda: nn.Linear(size, 10), "b": lambda: nn.Linear(size, 10)}, label="body"
        )

    def forward(self, x):
        return self.body(x.flatten(1))


def load(data_dir=None, download=True):
    from nasbench.tasks.digits import load_digits

    return load_digits()
"""
SMALL = ["--epochs", "1", "--limit-train", "100", "--batch-size", "20"]


@pytest.fixture
def foreign(tmp_path, monkeypatch) -> dict:
    """A checkpoint from elsewhere that names a file lying beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code = CODE + f"# {tmp_path}\n"
    Path("mine.py").write_text(code)
    return {
        "format": "nasbench/1",
        "space": {"name": "mine.py:Net", "sha256": hashlib.sha256(code.encode()).hexdigest()},
        "arch": {"body": "a"},
        "data": {"channels": 1, "height": 8, "width": 8, "classes": 10},
        "strategy": {"name": "random", "options": {}},
        "task": "digits",
        "seed": 0,
    }


def call(capsys, *words):
    status = main(list(words))
    return status, capsys.readouterr().err


@pytest.mark.parametrize("words", [["retrain", "c.json", *SMALL], ["show", "c.json"]])
def test_a_space_that_only_a_checkpoint_names_does_not_run(foreign, capsys, words):
    Path("c.json").write_text(json.dumps(foreign))
    status, err = call(capsys, *words)
    assert status == 2
    assert "name it yourself with --code mine.py:Net" in err
    assert not Path("it-ran").exists()
    assert call(capsys, *words, "--space", "mine.py:Net")[0] == 0
    assert Path("it-ran").exists()
    # From now on this very text is known.
    assert call(capsys, *words)[0] == 0
    Path("mine.py").write_text(CODE + "# changed\n")
    assert call(capsys, *words)[0] == 2


def test_a_task_that_only_a_checkpoint_names_does_not_run(foreign, capsys):
    foreign["task"] = "mine.py:load"
    foreign["space"] = {"name": "darts"}
    Path("c.json").write_text(json.dumps(foreign))
    status, err = call(capsys, "retrain", "c.json", *SMALL)
    assert status == 2
    assert "name it yourself with --code mine.py:load" in err
    assert not Path("it-ran").exists()


def test_a_module_that_only_a_checkpoint_names_is_not_imported(foreign, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(Path.cwd()))
    foreign["space"] = {"name": "mine:Net"}
    Path("c.json").write_text(json.dumps(foreign))
    status, err = call(capsys, "retrain", "c.json", *SMALL)
    assert status == 2
    assert "--code mine:Net" in err
    assert not Path("it-ran").exists()


def test_a_run_folder_from_elsewhere_runs_no_code_either(foreign, capsys):
    run = Path("results/runs/r-1")
    run.mkdir(parents=True)
    config = {"strategy": "random", "space": "mine.py:Net", "task": "digits"}
    info = {"format": "nasbench-run/1", "verb": "search", "status": "stopped", "config": config}
    (run / "run.json").write_text(json.dumps(info))
    status, err = call(capsys, "search", "--resume", "r-1")
    assert status == 2
    assert "--code mine.py:Net" in err
    assert not Path("it-ran").exists()


def test_a_retraining_may_take_another_task_of_the_same_shape(foreign, capsys):
    Path("c.json").write_text(json.dumps({**foreign, "task": "elsewhere.py:gone"}))
    words = ["--space", "mine.py:Net", "--task", "mine.py:load"]
    assert call(capsys, "retrain", "c.json", *SMALL, *words)[0] == 0
    (record,) = Path("results/records").glob("*.json")
    assert json.loads(record.read_text())["task"] == "mine.py:load"


def test_nothing_is_known_where_nothing_can_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    known_code.remember("package.module:Name")
    assert not known_code.known("package.module:Name")
    assert not known_code.known(str(tmp_path / "missing.py") + ":Name")


def test_a_folder_from_elsewhere_cannot_bring_what_is_known(monkeypatch, tmp_path):
    """A relative cache would lie in the working folder, and so would ``~`` without a home."""
    monkeypatch.chdir(tmp_path)
    digest = known_code.fingerprint("package.module:Name")
    for cache in ("cache", "~/.cache"):
        (tmp_path / cache / "nasbench" / "known-code").mkdir(parents=True)
        (tmp_path / cache / "nasbench" / "known-code" / digest).touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert not known_code.known("package.module:Name")

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    assert not known_code.known("package.module:Name")
    known_code.remember("package.module:Name")
    assert not known_code.known("package.module:Name")
