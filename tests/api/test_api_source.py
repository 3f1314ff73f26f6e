"""Code of notebooks and programs is kept by its source."""

from __future__ import annotations

import ast
import hashlib
import importlib
import sys
from importlib.util import spec_from_file_location
from pathlib import Path

import pytest
from api_parts import CELL

from nasbench.api import objects, source
from nasbench.api.source import importable
from nasbench.errors import UserError


def rebuilt(text: str) -> dict:
    """Run a kept module on its own."""
    space: dict = {"__name__": "kept"}
    exec(compile(text, "kept.py", "exec"), space)
    return space


def test_a_class_takes_along_what_it_refers_to_and_nothing_else(cell):
    space = cell(f"{CELL}\nUNUSED = object()\ndef unused(): return UNUSED\n")
    text = source.module_of(space["MySpace"])
    names = {
        node.name if hasattr(node, "name") else node.targets[0].id
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Assign)
    }
    assert names == {"WIDTH", "LAYERS", "convolution", "MySpace"}
    assert rebuilt(text)["MySpace"].__doc__ == "Two convolutions."


def test_the_path_holds_the_digest_of_the_text(cell, tmp_path):
    name = source.kept(cell(CELL)["MySpace"], tmp_path)
    path, _, attribute = name.rpartition(":")
    assert attribute == "MySpace"
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert Path(path) == tmp_path / digest[:16] / "MySpace.py"
    assert source.kept(cell(CELL)["MySpace"], tmp_path) == name
    assert source.kept(cell(CELL.replace("WIDTH = 4", "WIDTH = 5"))["MySpace"], tmp_path) != name


def test_the_last_cell_that_defines_a_class_counts(cell):
    cell("class Plain:\n    value = 1\n")
    space = cell("class Plain:\n    value = 2\n")
    assert rebuilt(source.module_of(space["Plain"]))["Plain"].value == 2


def test_definitions_follow_what_they_need(cell):
    space = cell(
        "def last(n):\n    return first(n)\n"
        "def mark(value):\n    def put(kind):\n        kind.mark = value\n        return kind\n"
        "    return put\n"
        "class A:\n    def other(self):\n        return Z\n"
        "B = A\n"
        "@mark(3)\nclass Z(B):\n    def get(self):\n        return last(2)\n"
        "def first(n):\n    return last(n - 1) if n else Z\n"
    )
    again = rebuilt(source.module_of(space["A"]))
    assert again["A"]().other().mark == 3
    assert again["Z"]().get() is again["Z"]


@pytest.mark.parametrize(
    ("setup", "uses"),
    [
        ("import numpy as np", "np.pi"),
        ("from torch import relu as positive, float32", "positive, float32"),
        ("from math import sqrt", "sqrt(4)"),
        ("import torch.nn.functional as F", "F.relu"),
        ("from collections import OrderedDict as O", "O"),
        ("BAD, GOOD = float('nan'), [1, (2,), {'a': {3}}, b'x', None, ...]", "str(BAD), GOOD"),
        ("EMPTY = set()", "EMPTY"),
    ],
)
def test_imports_and_constants_stay_what_they_are(cell, setup, uses):
    space = cell(f"{setup}\ndef f():\n    return {uses}\n")
    assert rebuilt(source.module_of(space["f"]))["f"]() == space["f"]()


def test_annotations_may_be_postponed(cell):
    text = "from __future__ import annotations\nclass Tree:\n    def up(self) -> Tree | No: ...\n"
    assert rebuilt(source.module_of(cell(text)["Tree"]))["Tree"].up.__annotations__


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import io\nFILE = io.StringIO()\ndef f(): return FILE\n",
            "f refers to 'FILE', a Str",
        ),
        (
            "def g(n):\n    def f(): return n\n    return f\nf = g(1)\n",
            "f uses 'n' of the func",
        ),
        ("h = lambda: 1\ndef f(): return h()\n", "f refers to 'h', a function"),
    ],
)
def test_what_has_no_source_is_one_error(cell, text, message):
    with pytest.raises(UserError, match="f cannot be kept by its source: ") as raised:
        source.module_of(cell(text)["f"])
    assert message in str(raised.value)


def test_code_without_a_source_is_one_error():
    space: dict = {"__name__": "__main__"}
    exec("def f(): pass\nclass C: pass", space)
    for name in ("f", "C"):
        with pytest.raises(UserError, match=f"the source of {name} is not known"):
            source.module_of(space[name])


def test_objects_have_the_names_of_the_command_line(tmp_path, monkeypatch, cell):
    from collections import OrderedDict

    from nasbench.strategies.oneshot.darts import DartsStrategy

    (tmp_path / "beside_the_notebook.py").write_text("class Net: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from beside_the_notebook import Net

    out = tmp_path / "results"
    assert objects.name_of("strategy", DartsStrategy, out) == "darts"
    assert objects.name_of("space", Net, out) == f"{tmp_path / 'beside_the_notebook.py'}:Net"
    assert objects.name_of("space", OrderedDict, out) == "collections:OrderedDict"
    kept = objects.name_of("space", cell(CELL)["MySpace"], out)
    assert kept.startswith(str(out / "code"))
    with pytest.raises(UserError, match="define it with def"):
        objects.name_of("metric", lambda outputs, targets: 0.0, out)
    with pytest.raises(UserError, match="object of the class Net"):
        objects.named({"space": type("Net", (), {"__call__": len})()}, out)


def test_a_package_installed_in_place_is_imported_and_not_kept(tmp_path, monkeypatch):
    """``pip install -e`` may install a finder instead of a folder on the path."""
    (tmp_path / "inplace.py").write_text("class Layer:\n    pass\n")

    class EditableFinder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "inplace":
                return spec_from_file_location(name, tmp_path / "inplace.py")
            return None

    EditableFinder.__module__ = "__editable___inplace_finder"
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, EditableFinder])
    importlib.import_module("inplace")
    monkeypatch.setitem(sys.modules, "inplace", sys.modules["inplace"])
    assert importable("inplace")
    assert not importable("inplace_too")
