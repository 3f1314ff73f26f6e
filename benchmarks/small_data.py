"""What the default commands reach on 300 pictures, counted in steps and counted in epochs.

The pictures are stripes in five directions under noise, 60 of each, 240 for training. A search
with DARTS and a retraining of what it found run with their default options. ``epochs`` repeats
both with the numbers of epochs and the batches that ``quick`` has for a large set, 3 of 32 and 4
of 64, and ``30 epochs`` the retraining alone with 30.

python benchmarks/small_data.py [--seeds N] [--threads N] [--out FILE]

Writes results/published/small_data.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasbench import provenance
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.search import configure as configured_search
from nasbench.engine.search import run_search
from nasbench.store.checkpoint import Checkpoint
from nasbench.tasks.base import Task
from nasbench.training.stopping import StopSignal
from retrain.train import configure, run_retrain

PICTURES, CLASSES, SIDE, TRAIN = 300, 5, 12, 240
OUT = Path(__file__).resolve().parent.parent / "results" / "published" / "small_data.md"
# The options of a search and of a retraining; those of quick where there are none.
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "epochs": ({"epochs": 3, "batch_size": 32}, {"epochs": 4, "batch_size": 64}),
    "30 epochs": ({"epochs": 3, "batch_size": 32}, {"epochs": 30, "batch_size": 64}),
    "steps": ({}, {}),
}


def load(data_dir: Path | None = None, download: bool = True) -> Task:
    """Return 300 pictures of stripes, the same every time."""
    stream = np.random.default_rng(0)
    labels = stream.permutation(np.arange(PICTURES) % CLASSES)
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    angles = np.pi * labels[:, None, None] / CLASSES
    along = np.cos(angles) * rows + np.sin(angles) * columns
    light = 0.5 + 0.3 * np.sin(2 * np.pi * (3 * along + stream.random((PICTURES, 1, 1))))
    noise = 0.1 * stream.standard_normal((PICTURES, 3, SIDE, SIDE))
    pictures = (255 * np.clip(light[:, None] + noise, 0, 1)).astype(np.uint8)
    train, test = (pictures[:TRAIN], labels[:TRAIN]), (pictures[TRAIN:], labels[TRAIN:])
    return Task.from_arrays("stripes", train, test, classes=CLASSES)


def measured(task: Task, seeds: int, out: Path) -> list[dict[str, Any]]:
    """Return a row for each way: lengths, accuracies in percent and seconds."""
    rows: list[dict[str, Any]] = []
    found: dict[str, Path] = {}
    named = {"task": "stripes", "out": out, "device": "cpu"}
    for way, (of_search, of_retraining) in WAYS.items():
        begin, key = time.perf_counter(), str(of_search)
        search = configured_search({"strategy": "darts", **named, **of_search}, {}, task)
        if key not in found:
            found[key] = run_search(search, NullCallback(), StopSignal()).checkpoint
        checkpoint = Checkpoint.read(found[key])
        job = configure(checkpoint, {**named, **of_retraining}, {}, task)
        accuracies = []
        for seed in range(seeds):
            done = run_retrain(job.with_seed(seed), NullCallback(), StopSignal())
            assert done.record is not None
            assert done.record.result is not None
            accuracies.append(100 * done.record.result)
            sys.stderr.write(f"{way}, seed {seed}: {accuracies[-1]:.1f} %\n")
        lengths = [
            f"{config.epochs} x {int(images) // config.batch_size}"
            for config, images in ((search.config, TRAIN / 2), (job.config, TRAIN))
        ]
        seconds = time.perf_counter() - begin
        rows.append({"way": way, "lengths": lengths, "values": accuracies, "seconds": seconds})
    return rows


def text(rows: list[dict[str, Any]], seeds: int) -> str:
    """Return the page."""
    title, *paragraphs = (__doc__ or "").split("\n\n")
    where = provenance.collect()
    versions = ", ".join(f"{name} {one}" for name, one in where["versions"].items() if one)
    lines = [
        f"# {title}",
        "",
        paragraphs[0],
        "",
        f"Accuracy in percent on the 60 test pictures, mean (and range) of {seeds} seeds of the "
        "retraining, of one search; chance is 20.",
        "",
        "| counted in | search, epochs x steps | retraining, epochs x steps | accuracy |",
        "|---|---:|---:|---:|",
    ]
    for row in rows:
        values = row["values"]
        spread = f"{statistics.fmean(values):.1f} ({min(values):.1f} to {max(values):.1f})"
        lines.append(f"| {row['way']} | {' | '.join(row['lengths'])} | {spread} |")
    took = sum(row["seconds"] for row in rows)
    return "\n".join(
        [
            *lines,
            "",
            f"Made with `python benchmarks/small_data.py --seeds {seeds}` in {took / 60:.0f} "
            f"minutes on {where['threads']} of {where['cores']} cores of {where['cpu']}, without "
            f"a GPU; Python {where['python']}, {versions}; commit {where['commit']}.",
            "",
        ]
    )


def main() -> None:
    """Measure, write the page and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(load(), given.seeds, Path(folder))
    page = text(rows, given.seeds)
    given.out.write_text(page, encoding="utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
