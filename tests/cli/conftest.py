"""Commands driven in process, in a folder of their own with a tiny space."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from nasbench.cli import main

SPACE = '''\
import torch
from torch import nn

from nasbench.space import DataSpec, InputChoice, LayerChoice, SearchSpace


class Tiny(SearchSpace):
    """Two layers and a choice between their outputs."""

    def __init__(self, spec: DataSpec, width: int = 4) -> None:
        super().__init__(spec)
        self.stem = nn.Conv2d(spec.channels, width, 3, padding=1)
        layers = {
            "conv3": lambda: nn.Conv2d(width, width, 3, padding=1),
            "conv1": lambda: nn.Conv2d(width, width, 1),
            "skip": nn.Identity,
        }
        self.first = LayerChoice(layers, label="first")
        self.second = LayerChoice(layers, label="second")
        self.join = InputChoice(2, 1, label="join")
        self.head = nn.Linear(width, spec.classes)

    def forward(self, x):
        a = self.first(torch.relu(self.stem(x)))
        b = self.second(torch.relu(a))
        return self.head(self.join([a, b]).mean(dim=(2, 3)))
'''


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """The single JSON document on the standard output."""
        return json.loads(self.out)


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Options of a training that takes a second."""
    return ("--limit-train", "200", "--epochs", "1", "--batch-size", "20", "--device", "cpu")


@pytest.fixture(scope="session")
def tiny(small) -> tuple[str, ...]:
    """Options of a search that takes a second."""
    return ("--space", "space.py:Tiny", *small)


@pytest.fixture(scope="session")
def _template(tmp_path_factory, small, tiny) -> Path:
    """A folder with a finished search and its finished retraining."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "space.py").write_text(SPACE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["search", "darts", *tiny, "--json"]) == 0
        run = next((folder / "results" / "runs").iterdir())
        assert main(["retrain", f"results/runs/{run.name}", *small, "--json"]) == 0
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A fresh folder with the tiny space's file, and no home: the current one."""
    (tmp_path / "space.py").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NASBENCH_DATA", raising=False)
    return tmp_path


@pytest.fixture
def finished(place, _template) -> Path:
    """The current folder, with a finished search and its finished retraining."""
    shutil.copytree(_template, place, dirs_exist_ok=True)
    return place


@pytest.fixture
def checkpoint(finished) -> Path:
    """The checkpoint of the finished search."""
    return next(Path("results/runs").glob("*-search-*/checkpoint.json"))


@pytest.fixture
def run(capsys) -> Callable[..., Answer]:
    """Return a function that runs one command."""

    def go(*words: object) -> Answer:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Answer(status, *capsys.readouterr())

    return go


def _files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.fixture
def refused(run) -> Callable[..., str]:
    """Return a function that runs a command that must fail by the rules for bad input.

    The rules: status 2, one line on the standard error, nothing on the standard output, and no
    file that was there before is changed. A search says its number of steps before it fails. It
    returns the line without ``error:``.
    """

    def go(*words: object) -> str:
        before = _files()
        answer = run(*words)
        assert answer.status == 2, answer
        assert answer.out == ""
        said = re.sub(r"\A[\d,]+ epochs? of [\d,]+ steps?\n", "", answer.err)
        assert said.startswith("error: "), answer.err
        assert said.endswith("\n")
        assert said.count("\n") == 1, answer.err
        after = _files()
        assert {path: after.get(path) for path in before} == before
        return said.removeprefix("error: ").rstrip("\n")

    return go


@pytest.fixture
def runs() -> Callable[[], list[dict]]:
    """Return a function that reads every ``run.json`` in the order of the runs' names."""

    def read() -> list[dict]:
        paths = sorted(Path("results/runs").glob("*/run.json"))
        return [{**json.loads(path.read_text()), "folder": path.parent} for path in paths]

    return read


@pytest.fixture
def space(place) -> Callable[..., str]:
    """Return a function that writes a changed tiny space and returns its name."""

    def write(old: str = "", new: str = "", name: str = "mine") -> str:
        assert old in SPACE
        path = place / f"{name}.py"
        path.write_text(SPACE.replace(old, new, 1) if old else new)
        return f"{name}.py:Tiny"

    return write
