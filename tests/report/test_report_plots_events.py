"""Event images as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.report.plots import BLUE, RED, count_colours, draw_event_images


def image() -> np.ndarray:
    """A pixel of each kind in the upper row: nothing, positive, negative, both."""
    pixels = np.zeros((4, 2, 4), np.float32)
    pixels[0, 0] = [0, 3, 0, 3]
    pixels[1, 0] = [0, 0, 3, 3]
    pixels[2, 0, 1] = 0.5
    return pixels


def test_colours_tell_the_polarity():
    nothing, positive, negative, both = count_colours(image())[0]
    assert nothing.tolist() == [1, 1, 1]
    assert positive == pytest.approx(np.array(RED))
    assert negative == pytest.approx(np.array(BLUE))
    assert both == pytest.approx(np.array(RED) * np.array(BLUE))


def test_more_events_are_darker_and_none_is_white():
    pixels = image()
    pixels[0, 0, 1] = 1
    assert count_colours(pixels)[0, 1].sum() > count_colours(image())[0, 1].sum()
    assert (count_colours(np.zeros((4, 2, 2), np.float32)) == 1).all()


def test_one_image_of_each_person_is_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for person in ("ann", "bob"):
        Path("walks", person).mkdir(parents=True)
        for walk in ("1", "2"):
            Path("walks", person, f"{walk}.txt").write_text("0 1 2 1\n5 3 4 0\n")
    assert main(["data", "draw", "walks", "--out", "drawn.svg"]) == 0
    assert capsys.readouterr().out == "written: drawn.svg\n"
    drawn = Path("drawn.svg").read_text()
    assert drawn.count("2 events") == 2
    assert "ann" in drawn
    assert "bob" in drawn


def test_mistakes(tmp_path):
    with pytest.raises(UserError, match="unknown picture format 'jpg'"):
        draw_event_images([("a", image())], tmp_path / "a.jpg")
    recording = tmp_path / "1.txt"
    recording.write_text("0 1 2 1\n5 3 4 0\n")
    assert main(["data", "draw", str(recording), "--window", "9 events"]) == 2
