"""Messages in Python's spelling."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from nasbench.api.spelling import in_python

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("--epochs 0: must be at least 1", "epochs=0: must be at least 1"),
        ("--lr 'x': must be of type float", "lr='x': must be of type float"),
        ("--patience 3 needs --val-fraction above 0", "patience=3 needs val_fraction above 0"),
        ("-o ordre=3: must be at most 2", "ordre=3: must be at most 2"),
        ("unknown argument -o 'ordre': allowed: a", "unknown argument 'ordre': allowed: a"),
        ("unknown --engine 'x': allowed: local, ray", "unknown engine 'x': allowed: local, ray"),
        ("--address x:1: is for --engine ray", "address=x:1: is for engine=ray"),
        ("which MODEL? see: nasbench list tasks", "which model? see: nb.list('tasks')"),
        ("give --no-nesterov", "give nesterov=False"),
        ("--task foo bar: there is no foo", "task=foo bar: there is no foo"),
        (
            "stopped; continue with: nasbench search --resume 'a b'",
            "stopped; continue with: nb.search(resume='a b')",
        ),
        ("name it with --space file.py:Class", "name it with space=file.py:Class"),
        ("a--b and x-o y stay", "a--b and x-o y stay"),
    ],
)  # fmt: skip
def test_examples(written, spelled):
    assert in_python(written) == spelled


def messages() -> list[str]:
    """Return the texts of all errors outside of the command line, with 1 for each value."""
    found = []
    for package in ("nasbench", "retrain"):
        for path in (ROOT / package).rglob("*.py"):
            if path.relative_to(ROOT).parts[:2] in (("nasbench", "cli"), ("nasbench", "tabular")):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
                    found += [_text(one) for one in node.args]
    return [text for text in found if "--" in text or "-o " in text]


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "1"


def test_no_message_of_the_house_keeps_a_flag():
    every = messages()
    assert len(every) > 50
    left = [text for text in every if re.search(r"(?<!\w)--?[a-z]", in_python(text))]
    assert not left
