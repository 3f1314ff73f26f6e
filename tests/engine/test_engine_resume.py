"""Killed at random moments and resumed, a run ends exactly where the whole one does."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from nasbench.store.journal import Journal

SMALL = ["--limit-train", "80", "--batch-size", "20"]
SPACE = ["-o", "channels=2", "-o", "layers=3"]
SEARCH = ["search", "darts", *SMALL, *SPACE, "--epochs", "12"]
MINE = ["--space", str(Path(__file__).parents[2] / "examples" / "my_space.py") + ":MySpace"]
RANDOM = ["search", "random", *SMALL, *MINE, "--epochs", "20", "--budget", "3"]
HARD = ["--drop-path", "0.3", "--ema", "0.9", "--cutout", "2", "--val-fraction", "0.2"]
FALLING = ["--schedule", "plateau", "--plateau-patience", "1", "--grad-clip-value", "0.1"]
RETRAIN = [*SMALL, *SPACE, "--epochs", "16", "-o", "auxiliary=true", *HARD, *FALLING]
FOLDS = ["--folds", "3", *SMALL, *SPACE, "--epochs", "5"]


def start(arguments, out):
    command = [sys.executable, "-m", "nasbench", *arguments, "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **pipes)


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def folders(out):
    return sorted((out / "runs").glob("*"))


def lines(folder):
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def killed_until_done(arguments, verb, out, moments, kills=5):
    """Run, kill at random moments once training goes on, resume, and let the last one finish."""
    process = start(arguments, out)
    for _ in range(kills):
        while process.poll() is None and not (folders(out) and folders(out)[-1].is_dir()):
            time.sleep(0.01)
        before = lines(folders(out)[-1])
        while process.poll() is None and lines(folders(out)[-1]) <= before:
            time.sleep(0.005)
        time.sleep(moments.uniform(0.0, 0.25))
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        process = start([verb, "--resume", folders(out)[-1].name], out)
    finish(process)
    assert len(folders(out)) == 1
    return folders(out)[0]


def story(folder):
    """What a run found out, without times and without how often an epoch was told."""
    told = [
        {k: v for k, v in epoch.items() if k not in ("time", "seconds")}
        for epoch in Journal(folder / "journal.jsonl").epochs()
    ]
    trials = [
        (t["number"], t["arch"], t["score"])
        for t in Journal(folder / "journal.jsonl").events("trial")
    ]
    return told, trials


def found(folder):
    content = json.loads((folder / "checkpoint.json").read_text())
    return content["arch"], content["metrics"]


def tensors(folder):
    return torch.load(folder / "state.pt", weights_only=True)["unit"]


def assert_same(one, other):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """One search that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    finish(start(SEARCH, out))
    return folders(out)[0]


@pytest.mark.slow
def test_a_search_killed_five_times_ends_bit_for_bit_the_same(whole, tmp_path):
    killed = killed_until_done(SEARCH, "search", tmp_path, random.Random(1))
    assert found(killed) == found(whole)
    assert story(killed) == story(whole)
    assert_same(tensors(killed), tensors(whole))


@pytest.mark.slow
def test_a_random_search_killed_twice_ends_the_same(tmp_path):
    finish(start(RANDOM, tmp_path / "whole"))
    (undisturbed,) = folders(tmp_path / "whole")
    killed = killed_until_done(RANDOM, "search", tmp_path / "killed", random.Random(2), 2)
    assert found(killed) == found(undisturbed)
    assert story(killed) == story(undisturbed)


@pytest.mark.slow
def test_a_retraining_killed_five_times_ends_bit_for_bit_the_same(whole, tmp_path):
    arguments = ["retrain", str(whole / "checkpoint.json"), *RETRAIN]
    first = json.loads(finish(start([*arguments, "--json"], tmp_path / "whole")))
    (undisturbed,) = folders(tmp_path / "whole")
    killed = killed_until_done(arguments, "retrain", tmp_path / "killed", random.Random(3))
    assert story(killed) == story(undisturbed)
    model = "model.safetensors"
    assert (killed / model).read_bytes() == (undisturbed / model).read_bytes()
    (path,) = (tmp_path / "killed" / "records").glob("*.json")
    record = json.loads(path.read_text())
    for name in ("test_accuracy", "arch_id", "params", "macs", "retrain_config"):
        assert record[name] == first[name], name
    assert record["test_openings"] == first["test_openings"] == 1


@pytest.mark.slow
def test_a_cross_validation_killed_four_times_ends_the_same(whole, tmp_path):
    arguments = ["retrain", str(whole / "checkpoint.json"), *FOLDS]
    first = json.loads(finish(start([*arguments, "--json"], tmp_path / "whole")))
    (undisturbed,) = folders(tmp_path / "whole")
    killed = killed_until_done(arguments, "retrain", tmp_path / "killed", random.Random(4), 4)
    assert story(killed) == story(undisturbed)
    (path,) = (tmp_path / "killed" / "folds").glob("*.json")
    record = json.loads(path.read_text())
    for name in ("mean", "interval", "retrain_config", "params"):
        assert record[name] == first[name], name
    for mine, other in zip(record["folds"], first["folds"], strict=True):
        assert {**mine, "seconds": 0} == {**other, "seconds": 0}
    assert Journal(killed / "journal.jsonl").events("test opened") == []


@pytest.mark.slow
def test_the_same_seed_in_two_processes_is_bit_for_bit_the_same(whole, tmp_path):
    finish(start(SEARCH, tmp_path))
    (again,) = folders(tmp_path)
    assert found(again) == found(whole)
    assert story(again) == story(whole)
    assert_same(tensors(again), tensors(whole))


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_resume(whole, tmp_path):
    process = start(SEARCH, tmp_path)
    while not (folders(tmp_path) and lines(folders(tmp_path)[0])):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    (stopped,) = folders(tmp_path)
    assert f"nasbench search --resume {stopped}" in err.splitlines()[-1]
    assert json.loads((stopped / "run.json").read_text())["status"] == "stopped"
    finish(start(["search", "--resume", str(stopped)], tmp_path))
    assert found(stopped) == found(whole)
    assert story(stopped) == story(whole)
    assert json.loads((stopped / "run.json").read_text())["status"] == "done"
