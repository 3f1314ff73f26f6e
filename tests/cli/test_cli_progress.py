from __future__ import annotations

import io
import sys

import pytest
import torch

from nasbench.api import progress
from nasbench.engine.callbacks import NullCallback


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drive(callback) -> None:
    """Two epochs of four steps."""
    callback.phase("trial 1")
    callback.start(0, 2, 4)
    for epoch in (0, 1):
        for step in range(1, 5):
            callback.step(epoch, step, {"loss": torch.tensor(2.0 * step)})
        callback.epoch({"epoch": epoch + 1, "loss": 2.0, "val_accuracy": 0.125, "seconds": 1.0})


def test_who_tells(monkeypatch):
    assert type(progress.make(quiet=True)) is NullCallback
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert type(progress.make(quiet=False)) is progress.Lines
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert type(progress.make(quiet=False)) is progress.Bar
    monkeypatch.setenv("RANK", "1")
    assert type(progress.make(quiet=False)) is NullCallback


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0m00s"), (59.6, "1m00s"), (125, "2m05s"), (3599, "59m59s"), (7260, "2h01m")],
)
def test_clock(seconds, text):
    assert progress.clock(seconds) == text


def test_words():
    metrics = {"epoch": 1, "loss": 0.5, "val_accuracy": 0.975, "seconds": 3.0}
    assert progress.words(metrics) == "loss 0.5000, val accuracy 97.50%"


def test_a_line_an_epoch(capsys):
    drive(progress.Lines())
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 4
    assert lines[:2] == ["trial 1", "2 epochs of 4 steps"]
    for epoch in (1, 2):
        begin = f"epoch {epoch}/2: loss 2.000, val accuracy 12.50%; "
        assert lines[epoch + 1].startswith(begin)
        assert lines[epoch + 1].endswith(" left")
    assert lines[3].endswith("; 0m00s left")


def test_a_continued_run_says_so(capsys):
    callback = progress.Lines()
    callback.start(1, 2, 4)
    assert capsys.readouterr().err == "continuing after epoch 1 of 2\n"


def test_a_bar_in_a_terminal(monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "REFRESH_S", 0.0)
    drive(progress.make(quiet=False))
    text = screen.getvalue()
    assert "trial 1: epoch 2: loss 2.000, val accuracy 12.50%" in text
    assert "100%" in text
    assert capsys.readouterr().out == ""


def test_a_bar_before_it_starts_is_silent(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    bar = progress.Bar()
    bar.step(0, 1, {"loss": torch.tensor(1.0)})
    bar.epoch({"epoch": 1})
    assert screen.getvalue() == ""


def test_an_open_bar_is_closed_when_the_run_stops(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress.shown(quiet=False) as bar:
        bar.start(0, 2, 4)
        assert not screen.getvalue().endswith("\n")
    assert screen.getvalue().endswith(("\n", "\x1b[?25h"))  # the cursor is shown again
