"""A notebook's cells without a kernel."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


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
