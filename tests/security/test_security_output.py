"""What files hold is printed as text: it neither steers the terminal nor forges lines of ours."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from security_foreign import Foreign

from nasbench.errors import one_line, printable

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "x\x1b[2J\x9b31m\x07\nnext: rm -rf ~\r\x85\u2028\u202eevil"
FORGED = "next: rm -rf"
_PRINTING = re.compile(r"\becho\(|(?<![\w.])print\(|\bstd(out|err)\.write\(")
PRINTING = ("typer.echo", "click.echo", "print", "sys.stdout.write", "sys.stderr.write")


def clean(text: str) -> bool:
    """Return whether a text holds no control character but line breaks, and no forged line."""
    lines = text.split("\n")
    return printable("".join(lines)) == "".join(lines) and not any(
        line.startswith(FORGED) for line in lines
    )


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
    if text.isprintable():
        assert shown == text


def test_letters_of_all_scripts_stay():
    for text in ("päth/ß", "デザイン　図", "می‌خواهم", "👩‍🔬", "a b", "don't"):
        assert printable(text) == text


@settings(max_examples=50, deadline=None)
@given(st.text(), st.integers(10, 600))
def test_one_line_has_an_upper_length(text, longest):
    shown = one_line(text, longest)
    assert len(shown) <= longest
    assert len(shown.splitlines()) <= 1


def test_a_long_value_is_cut_and_what_is_allowed_stays():
    line = one_line(f"unknown task '{'x' * 100_000}': allowed: {', '.join('abcdefgh')}")
    assert line.startswith("unknown task 'xxx")
    assert line.endswith("': allowed: a, b, c, d, e, f, g, h")
    assert len(line) < 200
    short = "unknown task 'x': allowed: a"
    assert one_line(short) == short


@pytest.mark.slow
@pytest.mark.parametrize("value", [HOSTILE, "y" * 100_000], ids=["control", "long"])
def test_no_value_of_a_file_is_printed_raw(foreign: Foreign, value):
    fields = {
        "metrics": {value: 0.5, "note": value},
        "cost": {value: 1.0},
        "strategy": {"name": value},
    }
    foreign.checkpoint(**fields)
    place = foreign.stopped("search", {"strategy": value, "space": value}, error=value)
    Path("results/records").mkdir()
    (Path("results/records") / "r.json").write_text(json.dumps({"format": value}))
    Path("s.yaml").write_text(json.dumps({"task": value, "entries": {value: {value: value}}}))
    Path("space.json").write_text(json.dumps({value: {"_type": value, "_value": [value]}}))
    commands = [
        ["show", "c.json", "--format", "dot"],
        ["retrain", "c.json", "--task", "mnist"],
        ["retrain", foreign.checkpoint("d.json", training={value: value})],
        ["retrain", foreign.checkpoint("e.json", space={"name": value})],
        ["retrain", foreign.checkpoint("f.json", task=value)],
        ["search", "--resume", "r-1"],
        ["trust", place],
        ["leaderboard"],
        ["leaderboard", "--format", "md"],
        ["leaderboard", "--format", "csv"],
        ["leaderboard", "--format", "json"],
        ["study", "s.yaml"],
        ["hpo", "small-cnn", "--search-space", "space.json"],
        ["search", value],
        ["search", "random", "--task", value, "-o", value],
    ]
    for words in commands:
        _, out, err = foreign.run(*words)
        assert clean(out), (words, out)
        assert clean(err), (words, err)
        if value is not HOSTILE:
            assert max(map(len, err.splitlines()), default=0) <= 2000


def test_a_checkpoint_forges_no_line(foreign: Foreign):
    strategy = {"name": HOSTILE, "options": {}}
    path = foreign.checkpoint(strategy=strategy, metrics={HOSTILE: 0.5})
    status, out, err = foreign.run("show", path, "--format", "dot")
    assert status == 0
    assert clean(out + err)
    line = foreign.refused("show", foreign.checkpoint(task=HOSTILE, space={"name": HOSTILE}))
    assert clean(line)


def test_commands_print_in_one_place_only():
    """``typer.echo``, ``print`` and the standard streams are used in two ``output.py`` alone."""
    found = set()
    for path in (ROOT / "nasbench").rglob("*.py"):
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            text = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if text in (
                "typer.echo",
                "print",
                "click.echo",
                "sys.stdout.write",
                "sys.stderr.write",
            ):
                found.add((name, text))
    assert found == {
        ("nasbench/api/output.py", "sys.stderr.write"),
        ("nasbench/api/output.py", "sys.stdout.write"),
        ("nasbench/cli/output.py", "typer.echo"),
        ("nasbench/cli/app.py", "typer.echo"),
    }
