"""Limits of one-shot searches on the command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

# Stem and head; a 1x1 convolution has 20 parameters, a 3x3 one 148.
SMALLEST = 4 * 9 + 4 + 4 * 10 + 10
ALLOWED = SMALLEST + 20


def parameters(arch):
    layer = {"conv3": 148, "conv1": 20, "skip": 0}
    return SMALLEST + layer[arch["first"]] + layer[arch["second"]]


@pytest.mark.parametrize("words", ["darts", "spos -o candidates=4 -o calibration=1"])
@pytest.mark.usefixtures("place")
def test_a_one_shot_search_keeps_max_params(run, tiny, words):
    name, *options = shlex.split(words)
    found = run("search", name, *tiny, *options, "--max-params", ALLOWED, "--json")
    assert found.status == 0, found.err
    assert parameters(found.json["arch"]) <= ALLOWED
    checkpoint = json.loads(Path(found.json["checkpoint"]).read_text())
    assert checkpoint["search"]["max_params"] == ALLOWED


@pytest.mark.parametrize("name", ["darts", "spos"])
@pytest.mark.usefixtures("place")
def test_a_limit_that_nothing_keeps_is_told_in_one_line(refused, tiny, name):
    assert refused("search", name, *tiny, "--max-params", SMALLEST - 1) == (
        f"--max-params {SMALLEST - 1}: no architecture of this space is within this limit: "
        f"the smallest possible has {SMALLEST} parameters"
    )
