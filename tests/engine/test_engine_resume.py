"""Killed and resumed, a run ends exactly where the whole one does; see also test_engine_kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from killing import Ended, run

from nasbench.store.journal import Journal
from nasbench.store.runs import RunFolder

HERE = str(Path(__file__).parent)
SMALL = ("--limit-train", "80", "--batch-size", "20", "--device", "cpu")
CELLS = ("-o", "channels=2", "-o", "layers=3", "-o", "nodes=2")
TINY = ("--space", "engine_parts:Tiny")
HARD = ("--drop-path", "0.3", "--ema", "0.9", "--cutout", "2", "--val-fraction", "0.2")
FALLING = ("--schedule", "plateau", "--plateau-patience", "1", "--grad-clip-value", "0.1")
TUNED = {
    "lr": {"_type": "loguniform", "_value": [0.001, 0.1]},
    "optimizer": {
        "_type": "choice",
        "_value": [
            {"_name": "sgd", "momentum": {"_type": "uniform", "_value": [0.5, 0.9]}},
            {"_name": "adam"},
        ],
    },
}

# {cell} is the checkpoint of the case "search", {random} the run of the case "random", {space} a
# file with TUNED.
CASES = {
    "search": ("search", "darts", *SMALL, *CELLS, "--epochs", "2"),
    "random": ("search", "random", *SMALL, *TINY, "--epochs", "2", "--budget", "3"),
    "joint": (
        *("search", "tpe", *SMALL, *TINY, "--epochs", "2", "--budget", "4"),
        *("--tune", "{space}", "-o", "startup=2"),
        *("--learn-from", "{random}", "--start-from", "{random}"),
    ),
    "hpo": (
        *("hpo", "small-cnn", *SMALL, "--search-space", "{space}", "--epochs", "2"),
        *("--tuner", "evolution", "-o", "population_size=2"),
        *("--assessor", "medianstop", "--trials", "4"),
    ),
    "retrain": (
        *("retrain", "{cell}", *SMALL, *CELLS, *HARD, *FALLING),
        *("-o", "auxiliary=true", "--epochs", "3"),
    ),
    "folds": ("retrain", "{cell}", *SMALL, *CELLS, "--folds", "3", "--epochs", "2"),
}
LASTING = ("test_accuracy", "val_accuracy", "arch_id", "params", "macs", "retrain_config")


def only(folder: Path) -> Path:
    """The one run of a results folder."""
    (found,) = (folder / "runs").iterdir()
    return found


def timeless(value: Any) -> Any:
    """A nested value without times and without which run it comes from."""
    if isinstance(value, dict):
        changing = ("time", "seconds", "total_seconds", "measuring", "latency_ms")
        changing += ("run", "provenance")
        return {k: timeless(v) for k, v in value.items() if k not in changing}
    return [timeless(v) for v in value] if isinstance(value, list | tuple) else value


def result(out: Path) -> dict[str, Any]:
    """All that a run found out and that another one with its seed finds out, too."""
    folder = only(out)
    journal = Journal(folder / "journal.jsonl")
    assert RunFolder(folder).status == "done"
    checkpoint = json.loads((folder / "checkpoint.json").read_text())
    kept = ("arch", "metrics", "hyperparameters", "training", "search", "watch")
    found = {
        "epochs": timeless(journal.epochs()),
        "suggested": timeless(journal.events("suggested")),
        "trials": timeless(journal.events("trial")),
        "checkpoint": {name: timeless(checkpoint.get(name)) for name in kept},
        "curve": [score for _, score in checkpoint["curve"]],
    }
    if (folder / "state.pt").exists():
        found["state"] = torch.load(folder / "state.pt", weights_only=True)["unit"]
    if (folder / "model.safetensors").exists():
        found["weights"] = (folder / "model.safetensors").read_bytes()
    for path in out.glob("records/*.json"):
        record = json.loads(path.read_text())
        found["record"] = {name: record[name] for name in LASTING}
        assert record["test_openings"] == len(journal.events("test opened")) >= 1
    for path in out.glob("folds/*.json"):
        found["folds"] = timeless(json.loads(path.read_text()))
        assert journal.events("test opened") == []
    return found


def assert_same(one: Any, other: Any) -> None:
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
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    (folder / "space.json").write_text(json.dumps(TUNED))
    return folder


@pytest.fixture(scope="module")
def words(place) -> Callable[[str], list[str]]:
    """Return a function that gives a case's command."""

    def given(case: str) -> list[str]:
        cell = only(place / "search") / "checkpoint.json" if "{cell}" in CASES[case] else None
        random = only(place / "random") if "{random}" in CASES[case] else None
        named = {"{cell}": str(cell), "{random}": str(random)}
        named["{space}"] = str(place / "space.json")
        return [*(named.get(word, word) for word in CASES[case]), "--out", "{place}"]

    return given


@pytest.fixture(scope="module")
def whole(place, words) -> Callable[[str], tuple[Path, Ended]]:
    """Return a function that gives a case's results when nobody disturbs it."""
    done: dict[str, Ended] = {}

    def given(case: str) -> tuple[Path, Ended]:
        if "{cell}" in CASES[case]:
            given("search")
        if "{random}" in CASES[case]:
            given("random")
        if case not in done:
            done[case] = ended = run(words(case), place / case, PYTHONPATH=HERE)
            assert ended.status == 0, ended.err
        return place / case, done[case]

    return given


def killed(words: list[str], out: Path, moments: list[int]) -> None:
    """Run, kill before the file event of the first number, resume, kill before the second's."""
    for number, moment in enumerate(moments):
        again = [words[0], "--resume", only(out)] if number else words
        ended = run(again, out, at=moment, PYTHONPATH=HERE)
        assert ended.status == -signal.SIGKILL, ended.err
    last = run([words[0], "--resume", only(out)], out, PYTHONPATH=HERE)
    assert last.status == 0, last.err
    continued = json.loads((only(out) / "run.json").read_text())["continued"]
    assert len(continued) == len(moments)


@pytest.mark.parametrize(
    "case",
    [
        # A sampled search is also cut off in test_engine_sampled.py, and is part of a joint one.
        pytest.param(name, marks=pytest.mark.slow) if name == "random" else name
        for name in CASES
    ],
)
def test_killed_once_a_run_ends_bit_for_bit_the_same(case, whole, words, tmp_path):
    undisturbed, ended = whole(case)
    killed(words(case), tmp_path / "killed", [ended.events // 2])
    assert_same(result(tmp_path / "killed"), result(undisturbed))


@pytest.mark.slow
def test_the_same_seed_in_a_fresh_interpreter_is_bit_for_bit_the_same(whole, words, tmp_path):
    undisturbed, _ = whole("search")
    given = [word.replace("{place}", str(tmp_path)) for word in words("search")]
    command = [sys.executable, "-m", "nasbench", *given]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert_same(result(tmp_path), result(undisturbed))


def test_ctrl_c_saves_and_says_how_to_resume(whole, words, tmp_path):
    undisturbed, ended = whole("search")
    stopped = run(words("search"), tmp_path / "out", at=ended.events // 2, how=signal.SIGINT)
    assert stopped.status == 130
    folder = only(tmp_path / "out")
    assert f"nasbench search --resume {folder}" in stopped.err.splitlines()[-1]
    assert json.loads((folder / "run.json").read_text())["status"] == "stopped"
    assert run(["search", "--resume", folder], tmp_path / "out").status == 0
    assert_same(result(tmp_path / "out"), result(undisturbed))
