"""``nasbench profile``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TINY = ("-o", "channels=4", "-o", "layers=3", "--runs", "2")


@pytest.mark.usefixtures("place")
def test_a_published_network(run):
    found = run("profile", "zoo:DARTS_V2", *TINY, "--batch", "1", "--batch", "3", "--json").json
    assert [one["batch"] for one in found["batches"]] == [1, 3]
    assert found["batches"][1]["peak_bytes"] > found["batches"][0]["peak_bytes"]
    names = [part["name"] for part in found["parts"]]
    assert names == ["stem.0", "stem.1", "cells.0", "cells.1", "cells.2", "classifier"]
    assert sum(part["macs"] for part in found["parts"]) == found["macs"]
    assert sum(part["params"] for part in found["parts"]) == found["params"]
    shown = run("profile", "zoo:DARTS_V2", *TINY).out
    assert "DartsCell" in shown
    assert "peak memory, MB" in shown


MY_SPACE = Path(__file__).parents[2] / "examples/my_space.py"


def test_the_readmes_own_space(place, run):
    (place / "arch.json").write_text(
        json.dumps({"first": "conv3x3", "second": "pool3x3", "shortcut": [0]})
    )
    given = ("profile", "arch.json", "--space", f"{MY_SPACE}:MySpace", "--runs", "1")
    found = run(*given, "--json").json
    assert (found["macs"], found["uncounted"]) == (32**2 * 16 * (3 + 16) * 9 + 160, [])
    assert [part["name"] for part in found["parts"]][-2:] == ["shortcut", "classifier"]
    assert "InputChoice" in run(*given).out


SPECTRAL = """
import torch
from torch import nn
from nasbench.space import LayerChoice, SearchSpace

class Spectral(SearchSpace):
    def __init__(self, spec):
        super().__init__(spec)
        self.conv = nn.Conv2d(spec.channels, 4, 1, bias=False)
        self.act = LayerChoice({"relu": nn.ReLU, "none": nn.Identity}, label="act")
        self.classifier = nn.Linear(4, spec.classes, bias=False)

    def forward(self, x):
        return self.classifier(torch.fft.fft2(self.act(self.conv(x))).abs().mean(dim=(2, 3)))
"""


def test_what_cannot_be_counted_is_named_everywhere(place, run, small):
    (place / "spectral.py").write_text(SPECTRAL)
    (place / "arch.json").write_text('{"act": "relu"}')
    given = ("--space", "spectral.py:Spectral")
    done = run("retrain", "arch.json", *given, "--task", "digits", *small)
    assert "parameters, at least 296 multiply-adds (not counted: aten::_fft_c2c)" in done.out
    (path,) = (place / "results" / "records").iterdir()
    record = json.loads(path.read_text())
    assert (record["macs"], record["uncounted"]) == (296, ["aten::_fft_c2c"])
    board = run("leaderboard", "--format", "json").json
    assert board["rows"][0]["uncounted"] == ["aten::_fft_c2c"]
    assert "\N{GREATER-THAN OR EQUAL TO} 296" in run("leaderboard").out
    (folder,) = (place / "results" / "runs").iterdir()
    shown = run("profile", folder, "--runs", "1")
    assert "at least 296 multiply-adds (not counted: aten::_fft_c2c)" in shown.out
    refused = run("search", "random", *given, *small, "--max-macs", "1000")
    assert refused.status == 2
    assert "Spectral cannot be counted, because of aten::_fft_c2c" in refused.err


@pytest.mark.usefixtures("place")
def test_mistakes(run):
    answer = run("profile", "zoo:DARTS_V2", "--device", "tpu")
    assert answer.status == 2
    assert "tpu" in answer.err
