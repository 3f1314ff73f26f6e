"""Terminals of any encoding, closed and full streams: the exit status is that of the command."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.cli import main
from nasbench.cli.streams import Output

FULL = Path("/dev/full")


def _printed(monkeypatch, encoding: str, *words: str) -> str:
    raw = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        assert main(words) == 0
        return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_encoding_lacks_is_replaced(monkeypatch, finished, encoding):
    assert "%" in _printed(monkeypatch, encoding, "leaderboard")
    folder = finished / "结果"
    next(Path("results/runs").glob("*-search-*")).rename(folder)
    told = _printed(monkeypatch, encoding, "show", "结果", "--space", "space.py:Tiny")
    assert "drawing: \\u7ed3\\u679c/architecture.svg" in told
    assert (folder / "architecture.svg").exists()
    page = _printed(monkeypatch, encoding, "board", "results", "--export", "页")
    assert "\\u9875" in page


def test_frames_and_signs_have_a_form_in_ascii():
    raw = io.BytesIO()
    out = Output(io.TextIOWrapper(raw, encoding="ascii"))
    out.write("┏━┓\n┃\xd7┃ ± \u2013 \udc80 é\n")
    out.flush()
    assert raw.getvalue() == b"+-+\n|x| +/- - \\udc80 \\xe9\n"


def test_signs_of_utf_8_pass_unchanged():
    raw = io.BytesIO()
    out = Output(io.TextIOWrapper(raw, encoding="utf-8"))
    out.write("┏ 中 ±\n")
    out.flush()
    assert raw.getvalue().decode() == "┏ 中 ±\n"


@pytest.mark.usefixtures("place")
def test_a_closed_or_full_standard_error_keeps_the_status(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        assert main(["show", "gone.json"]) == 2
        assert main(["zoo"]) == 0
    if not FULL.exists():
        pytest.skip("no /dev/full")
    with FULL.open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", full)
        assert main(["show", "gone.json"]) == 2


@pytest.mark.usefixtures("place")
def test_a_full_standard_output_is_an_error_and_a_closed_pipe_is_none(monkeypatch, capsys):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        assert main(["zoo"]) == 0
    assert capsys.readouterr().err == ""
    if not FULL.exists():
        pytest.skip("no /dev/full")
    with FULL.open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        assert main(["zoo"]) == 2
    line = "error: cannot write the standard output: No space left on device\n"
    assert capsys.readouterr().err == line


@pytest.mark.usefixtures("finished")
def test_a_path_that_looks_like_a_name_in_a_file(run):
    Path("space.py:Tiny").mkdir()
    run_folder = next(Path("results/runs").glob("*-search-*"))
    run_folder.rename("space.py:Tiny/run")
    Path("results/runs").rename("odd.py:x")
    answer = run("show", "space.py:Tiny/run")
    assert answer.status == 0, answer.err
    assert "drawing: space.py:Tiny/run/architecture.svg" in answer.out
    Path("space.py:Tiny/run").rename("cells.py:run")
    assert run("show", "cells.py:run").status == 0


@pytest.mark.slow
@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("show gone.json 2>&-", 2),
        ("show gone.json 2>/dev/full", 2),
        ("show gone.json >&- 2>&-", 2),
        ("zoo >/dev/full", 2),
        ("zoo >&-", 0),
        ("zoo | head -1", 0),
    ],
)
def test_the_shell(tmp_path, command, status):
    line = f"set -o pipefail; {sys.executable} -m nasbench {command}"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
