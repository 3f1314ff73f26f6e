"""Folders of pictures in whole runs: equal to built-in data, and mapped as well as in memory."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nasbench.api.retraining import configured
from nasbench.cli import main
from nasbench.config import SearchConfig, TaskConfig
from nasbench.tasks import own_data
from nasbench.tasks.loading import load
from nasbench.tasks.mnist import load_fashion_mnist

SPACE = """
from torch import nn
from nasbench.space import LayerChoice, SearchSpace

class Tiny(SearchSpace):
    def __init__(self, spec):
        super().__init__(spec)
        def conv(kernel):
            return lambda: nn.Conv2d(spec.channels, 4, kernel, padding=kernel // 2)
        self.stem = LayerChoice({"small": conv(1), "large": conv(3)}, label="stem")
        self.head = nn.Linear(4, spec.classes)

    def forward(self, x):
        return self.head(self.stem(x).mean((2, 3)))
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.py").write_text(SPACE)
    return tmp_path


def shades(folder: Path, per_class: int = 12, side: int = 20) -> Path:
    """Write pictures whose class is their shade, of unequal sizes."""
    rng = np.random.default_rng(0)
    for number, label in enumerate(("dark", "light")):
        (folder / label).mkdir(parents=True)
        for one in range(per_class):
            height, width = rng.integers(side, side + 9, 2)
            pixels = rng.integers(0, 80, (height, width, 3), np.uint8) + np.uint8(150 * number)
            Image.fromarray(pixels).save(folder / label / f"{one}.png")
    return folder


def written(task, folder: Path, count: int, tests: int) -> None:
    """Write the first images of a built-in task as PNGs."""
    test = task.open_test(lambda: None)
    for part, data, many in (("train", task.train, count), ("test", test, tests)):
        for number in range(many):
            pixels = data.images[number].numpy()
            shaped = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
            path = folder / part / str(int(data.labels[number])) / f"{number:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(shaped).save(path, compress_level=1)


def test_fashion_mnist_as_pngs_is_the_built_in_task(place, real_data) -> None:
    built_in = load_fashion_mnist(real_data / "fashion-mnist")
    written(built_in, place / "images", 300, 100)
    task = load("images/", SearchConfig())
    assert task.spec == built_in.spec
    assert task.class_names == tuple("0123456789")
    for ours, theirs, count in (
        (task.train, built_in.train, 300),
        (task.open_test(lambda: None), built_in.open_test(lambda: None), 100),
    ):
        # A folder's order is by class, and within it by the number in the name.
        order = theirs.labels[:count].argsort(stable=True)
        assert torch.equal(ours.labels, theirs.labels[order])
        assert torch.equal(ours.images, theirs.images[order])
    assert task.augmentation.mean == pytest.approx(built_in.augmentation.mean, abs=0.02)
    assert task.augmentation.std == pytest.approx(built_in.augmentation.std, abs=0.02)
    assert task.augmentation.crop_padding == built_in.augmentation.crop_padding
    assert task.augmentation.flip is built_in.augmentation.flip


def test_one_line_each_searches_and_retrains(place, capsys) -> None:
    shades(place / "images")
    small = ["--epochs", "3", "--batch-size", "4", "--device", "cpu"]
    search = ["search", "darts", "--space", "space.py:Tiny", "--task", "images/", *small]
    assert main([*search, "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)  # nothing but JSON
    assert "dark: train 9, test 3" in said.err
    assert main(["retrain", found["checkpoint"], "--preset", "paper", *small, "--lr", "0.1"]) == 0
    said = capsys.readouterr()
    assert "dark: train" not in said.err  # from the cache
    (record,) = (json.loads(p.read_text()) for p in (place / "results" / "records").iterdir())
    assert record["class_names"] == ["dark", "light"]
    assert record["task"] == "images"
    # The retraining has another preset, and keeps the size that the search chose.
    assert record["provenance"]["data"] == load("images/", TaskConfig(size=20)).fingerprint


@pytest.mark.slow
def test_a_foreign_architecture_takes_the_size_and_the_preset(place) -> None:
    shades(place / "images", side=90)
    for given, side in (({"size": 24}, 24), ({}, 64), ({"preset": "paper"}, 92)):
        job = configured("zoo:DARTS_V2", {"task": "images/", **given}, {})
        task, found = job.open()
        assert task.spec.height == found.spec.height == side


SLOW = pytest.param("workers", marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "verb", ["search darts", "search random --budget 2", "retrain", "folds", SLOW]
)
def test_a_mapped_set_gives_the_same_result_bit_for_bit(verb, place, monkeypatch, capsys) -> None:
    shades(place / "images")
    small = ["--task", "images/", "--epochs", "1", "--batch-size", "4", "--device", "cpu"]
    small.append("--json")
    tiny = ["--space", "space.py:Tiny"]
    words = {
        "retrain": ["retrain", "checkpoint.json", "--val-fraction", "0.3", *small],
        "folds": ["retrain", "checkpoint.json", "--folds", "2", *small],
        "workers": ["search", "random", "--budget", "2", "--engine", "local", *tiny, *small],
    }.get(verb, [*verb.split(), *tiny, *small])
    if verb in ("retrain", "folds"):
        assert main(["search", "darts", *tiny, *small]) == 0
        found = json.loads(capsys.readouterr().out)["checkpoint"]
        (place / "checkpoint.json").write_bytes(Path(found).read_bytes())
    results = []
    for bound in (2**40, 1):
        monkeypatch.setattr(own_data, "MAPPED_FROM", bound)
        assert (load("images/", TaskConfig(size=20)).train.mapped is not None) is (bound == 1)
        assert main([*words, "--out", f"out{bound}"]) == 0
        results.append(trained(place / f"out{bound}"))
        capsys.readouterr()
    assert results[0]
    assert results[0] == results[1]


def trained(out: Path) -> list[object]:
    """Return what a run found, without its times: curves and weights."""
    found: list[object] = []
    for path in sorted(out.rglob("journal.jsonl")):
        events = [json.loads(line) for line in path.read_text().splitlines()]
        found += sorted(
            json.dumps({k: v for k, v in event.items() if k not in TIMES}, sort_keys=True)
            for event in events
            if event["event"] in ("epoch", "trial")
        )
    found += [path.read_bytes() for path in sorted(out.rglob("model.*"))]
    return found


TIMES = (
    *("time", "total_seconds", "seconds", "device_seconds", "latency", "latency_ms"),
    *("worker", "wall_seconds"),
)


@pytest.mark.slow
def test_two_processes_pack_the_same_folder_once(place) -> None:
    shades(place / "images", per_class=60)
    code = (
        "from nasbench.config import TaskConfig; from nasbench.tasks.loading import load; "
        "print(load('images/', TaskConfig()).fingerprint)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert said[0] == said[1]
    (packed,) = (one for one in (place / "cache" / "nasbench" / "data").iterdir() if one.is_dir())
    assert not packed.name.startswith(".")


@pytest.mark.slow
def test_a_kill_while_packing_leaves_nothing_half(place) -> None:
    shades(place / "images")
    code = (
        "import os, signal; from nasbench.config import TaskConfig; "
        "from nasbench.data import packed_writer; from nasbench.tasks.loading import load; "
        "packed_writer.Writer._finish = lambda self: os.kill(os.getpid(), signal.SIGKILL); "
        "load('images/', TaskConfig())"
    )
    status = subprocess.run([sys.executable, "-c", code], check=False).returncode
    assert status == -signal.SIGKILL
    cache = place / "cache" / "nasbench" / "data"
    assert [one for one in cache.iterdir() if one.name.endswith(".tmp")]
    task = load("images/", TaskConfig())
    assert len(task.train) == 19
    assert len([one for one in cache.iterdir() if one.is_dir()]) == 1
