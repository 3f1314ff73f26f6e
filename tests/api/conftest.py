"""A notebook's cells without a kernel, and a run that takes a moment."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CELL = '''\
import torch
from torch import nn

from nasbench import DataSpec, LayerChoice, SearchSpace

WIDTH = 4
LAYERS = {"conv3": 3, "conv1": 1}


def convolution(side):
    return nn.Conv2d(WIDTH, WIDTH, side, padding=side // 2)


class MySpace(SearchSpace):
    """Two convolutions."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.stem = nn.Conv2d(spec.channels, WIDTH, 3)
        layers = {name: convolution(side) for name, side in LAYERS.items()}
        self.body = LayerChoice(layers, label="body")
        self.head = nn.Linear(WIDTH, spec.classes)

    def forward(self, x):
        return self.head(torch.relu(self.body(self.stem(x))).mean((2, 3)))
'''
SMALL = {
    "task": "digits",
    "limit_train": 200,
    "epochs": 1,
    "batch_size": 20,
    "device": "cpu",
    "quiet": True,
}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A fresh working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cell(monkeypatch) -> Iterator[Callable[..., dict[str, Any]]]:
    """Return a function that runs the text of a cell in a namespace, as a kernel does."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    space = vars(main)
    count = 0

    def run(text: str) -> dict[str, Any]:
        nonlocal count
        count += 1
        name = f"/tmp/ipykernel_7/{count}.py"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), space)
        return space

    yield run
    for name in [one for one in linecache.cache if one.startswith("/tmp/ipykernel_7/")]:
        del linecache.cache[name]
