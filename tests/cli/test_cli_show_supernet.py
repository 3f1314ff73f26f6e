"""``nasbench show --supernet``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_the_supernet_of_a_run(finished, run):
    (folder,) = Path("results/runs").glob("*-search-*")
    done = run("show", str(folder), "--supernet", "--format", "dot", "--space", "space.py:Tiny")
    assert done.status == 0, done.err
    dot = (folder / "supernet.dot").read_text()
    chosen = json.loads((folder / "checkpoint.json").read_text())["arch"]["first"]
    (line,) = [
        line for line in dot.splitlines() if "g0_e" in line and f'label="{chosen}"' in line
    ][:1]
    assert "dashed" not in line
    assert dot.count("filled,dashed") >= 4  # two layers' other candidates
    assert not (folder / "architecture.dot").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--epoch", "9"), "--epoch 9: must be from 1 to 1"),
        ((), "is no one-shot search, or has no epoch yet"),
    ],
)
def test_mistakes(finished, run, arguments, words):
    kind = "search" if arguments else "retrain"
    (folder,) = Path("results/runs").glob(f"*-{kind}-*")
    answer = run("show", str(folder), "--supernet", "--space", "space.py:Tiny", *arguments)
    assert answer.status == 2
    assert words in answer.err


@pytest.mark.usefixtures("place")
def test_a_text_has_no_supernet(run):
    assert "--supernet: . is no run folder" in run("show", "zoo:DARTS_V2", "--supernet").err


def test_a_frame_for_each_epoch(finished, run, tmp_path):
    (folder,) = Path("results/runs").glob("*-search-*")
    for more in ((), ("--supernet",)):
        film = tmp_path / f"film{len(more)}.gif"
        given = ("show", str(folder), "--space", "space.py:Tiny", "--frames", str(film), *more)
        done = run(*given, "--style", "paper", "--width", "8.5")
        assert done.status == 0, done.err
        assert done.out.strip() == f"frames: {film}"
        assert film.read_bytes().startswith(b"GIF89a")


def test_frames_of_a_run_without_epochs(finished, run):
    (folder,) = Path("results/runs").glob("*-retrain-*")
    answer = run("show", str(folder), "--space", "space.py:Tiny", "--frames", "film.gif")
    assert answer.status == 2
    assert "is no one-shot search, or has no epoch yet" in answer.err


def test_the_network_of_ones_own_space_is_drawn(finished, run, tmp_path):
    (folder,) = Path("results/runs").glob("*-search-*")
    path = tmp_path / "net"
    done = run("show", str(folder), "--space", "space.py:Tiny", "--drawing", str(path))
    assert done.status == 0, done.err
    assert "note:" not in done.out
    assert "input 1×8×8" in Path(f"{path}.svg").read_text()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--style", "sepia"), "unknown drawing style 'sepia'"),
        (("--width", "2"), "--width 2: must be from 4 to 100 centimetres"),
    ],
)
def test_unknown_looks(run, option, words):
    answer = run("show", "zoo:DARTS_V2", *option)
    assert (answer.status, words in answer.err) == (2, True)
