"""A folder from elsewhere, whose code must not run, and a home that must stay as it is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nasbench.cli import main
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig

EVIL = "evil.py:Net"
CODE = """
from pathlib import Path
Path({canary!r}).touch()

from torch import nn
from nasbench.space import LayerChoice, SearchSpace


class Net(SearchSpace):
    def __init__(self, spec):
        super().__init__(spec)
        size = spec.channels * spec.height * spec.width
        layers = {{"a": lambda: nn.Linear(size, 10), "b": lambda: nn.Linear(size, 10)}}
        self.body = LayerChoice(layers, label="body")

    def forward(self, x):
        return self.body(x.flatten(1))


def load(data_dir=None, download=True):
    from nasbench.tasks.digits import load_digits

    return load_digits()
"""
SMALL = {"epochs": 1, "limit_train": 100, "batch_size": 20, "device": "cpu"}
FLAGS = ("--epochs", "1", "--limit-train", "100", "--batch-size", "20", "--device", "cpu")


CONFIGS = {"search": SearchConfig, "hpo": HpoConfig, "retrain": RetrainConfig}
COMPLETE: dict[str, dict[str, Any]] = {
    "search": {"strategy": "random", "space": "mobilenet-skip", "task": "digits", "budget": "1"},
    "hpo": {
        "model": "small-cnn",
        "tuner": "random",
        "task": "digits",
        "budget": "1",
        "space_content": {"lr": {"_type": "choice", "_value": [0.1]}},
    },
    "retrain": {},
}
BOTH = (EVIL, "evilmodule:Net")


@dataclass(frozen=True)
class Foreign:
    """The working folder, full of files from elsewhere.

    Attributes:
        home: a folder beside it, in which nothing may change.
        canary: a file that the foreign code makes when it runs.
    """

    home: Path
    canary: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: object) -> tuple[int, str, str]:
        """Run a command, which may refuse the file or read it, but no more; return its output."""
        before = files(self.home)
        status = main([str(word) for word in words])
        out, err = self.capsys.readouterr()
        assert status in (0, 2), (words, err)
        assert not self.canary.exists(), f"nasbench {' '.join(map(str, words))} ran foreign code"
        assert files(self.home) == before, f"nasbench {' '.join(map(str, words))} wrote outside"
        if status == 2:
            last = err.splitlines()[-1]
            assert last.startswith("error: "), err
            assert len(last) <= 520, last
        return status, out, err

    def refused(self, *words: object) -> str:
        """Run a command that must refuse the file, and return its line."""
        status, _, err = self.run(*words)
        assert status == 2, (words, err)
        return err.splitlines()[-1]

    def checkpoint(self, path: str = "c.json", **fields: Any) -> str:
        """Write a checkpoint of a built-in network with some fields replaced."""
        content = {
            "format": "nasbench/1",
            "space": {"name": "small-cnn", "arguments": {}},
            "arch": {},
            "data": {"channels": 1, "height": 8, "width": 8, "classes": 10},
            "strategy": {"name": "random", "options": {}},
            "task": "digits",
            "seed": 0,
            **fields,
        }
        Path(path).write_text(json.dumps(content))
        return path

    def stopped(self, verb: str, config: dict[str, Any], **fields: Any) -> Path:
        """Write the folder of a run that was stopped, and return it."""
        place = Path("results/runs/r-1")
        place.mkdir(parents=True, exist_ok=True)
        info = {"format": "nasbench-run/1", "verb": verb, "status": "stopped", "name": "x"}
        info |= {"task": "digits", "seed": 0, "config": {**SMALL, **config}, **fields}
        (place / "run.json").write_text(json.dumps(info))
        if verb == "retrain":
            self.checkpoint(str(place / "checkpoint.json"))
        return place

    @property
    def sha256(self) -> str:
        """The digest of the foreign code."""
        return hashlib.sha256(Path("evil.py").read_bytes()).hexdigest()


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def some(values: Iterable[Any], *quick: Any) -> list[Any]:
    """Return parameters of a test, of which only the ``quick`` ones are in the default run."""
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=[] if value in quick else [pytest.mark.slow],
        )
        for value in values
    ]


def texts(kind: type) -> list[str]:
    """Return the options of a class that take a text or a path."""
    hints = typing.get_type_hints(kind)
    names = [entry.name for entry in dataclasses.fields(kind)]
    return [n for n in names if {str, Path} & {hints[n], *typing.get_args(hints[n])}]


def options_of_runs() -> list[tuple[str, str]]:
    """Return verbs and those of their options that a run folder gives as text."""
    return [(verb, name) for verb, config in CONFIGS.items() for name in texts(config)]


def bomb(foreign: Foreign) -> bytes:
    """Return a pickle that makes the canary when it is read without care."""

    class Bomb:
        def __reduce__(self):
            return Path.touch, (foreign.canary,)

    return pickle.dumps({"unit": Bomb()}, protocol=2)
