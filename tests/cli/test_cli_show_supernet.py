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
    assert dot.count('fontcolor="#888888"') >= 4  # two layers' other candidates
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
