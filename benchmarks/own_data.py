"""One's own data against the built-in tasks, and tasks of several labels and of a number.

``folder`` is the official set written out as PNGs of unequal sizes, a folder for each class, and
read by ``--task FOLDER``; ``built in`` is the task of the same data. Both have the same options,
the same number of training pictures and the whole test set. ``several`` asks which digits lie in
a picture of four fields, ``angle`` by how much a digit is turned (examples/mnist_tasks.py); their
constant answer is the best one that looks at no picture. Each row is a DARTS search and a
retraining of what it found, by seed.

python benchmarks/own_data.py [--seeds 3] [--images 2000] [--data FOLDER] [--only NAME ...]

Writes results/published/own_data.md. The threads are those of OMP_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import nasbench as nb
from nasbench import provenance
from nasbench.measures import named
from nasbench.report.chance import constant as constant_answer
from nasbench.tasks.base import Task
from nasbench.tasks.cifar10 import load_cifar10
from nasbench.tasks.mnist import load_fashion_mnist, load_mnist

REPOSITORY = Path(__file__).resolve().parent.parent
OUT = REPOSITORY / "results" / "published" / "own_data.md"
SPACE = {"channels": 4, "layers": 3}
EPOCHS = 2, 10  # of a search, of a retraining
PICTURES = {
    "cifar10": load_cifar10,
    "fashion-mnist": load_fashion_mnist,
    "mnist": load_mnist,
}
OTHERS = ("several", "angle")


@dataclass(frozen=True)
class Row:
    """What a task reached.

    Attributes:
        data: name of the data.
        way: how they were read.
        metric: of the values.
        values: of each seed.
        constant: what the best constant answer reaches, ``None`` if unknown.
        seconds: of all seeds.
    """

    data: str
    way: str
    metric: str
    values: list[float]
    constant: float | None
    seconds: float


def write_pictures(task: Task, folder: Path) -> None:
    """Write the pictures of a task as PNGs whose sides are 1 to 2 times as long, by chance."""
    sides = np.random.default_rng(0)
    parts = {"train": task.train, "test": task.test.open(lambda: None)}
    for part, images in parts.items():
        for name in task.class_names:
            (folder / part / name).mkdir(parents=True)
        grown = sides.uniform(1, 2, len(images))
        labels = images.labels.tolist()
        for number, (pixels, label) in enumerate(zip(images.images.numpy(), labels, strict=True)):
            flat = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
            side = round(flat.shape[0] * grown[number])
            picture = Image.fromarray(flat).resize((side, side), Image.Resampling.BICUBIC)
            place = folder / part / task.class_names[label] / f"{number:05}.png"
            picture.save(place, compress_level=1)


def measured(task: str, data: str, way: str, given: argparse.Namespace, out: Path) -> Row:
    """Search and retrain with each seed."""
    since, values, constant, metric = time.perf_counter(), [], None, ""
    options: dict[str, Any] = {"device": "cpu", "out": out, "limit_train": given.images}
    if way == "folder":
        options["size"] = 32 if data == "cifar10" else 28
    for seed in range(given.seeds):
        found = nb.search(
            "darts", task=task, seed=seed, epochs=EPOCHS[0], options=SPACE, quiet=True, **options
        )
        how = {"epochs": EPOCHS[1], "limit_train": given.images, "seed": seed}
        record = found.retrain(options=SPACE, quiet=True, **how).record
        assert record.result is not None
        values.append(record.result)
        constant, metric = constant_answer(record), record.metric
        sys.stderr.write(f"{data}, {way}, seed {seed}: {metric} {values[-1]:.4f}\n")
    return Row(data, way, metric, values, constant, time.perf_counter() - since)


def text(rows: list[Row], given: argparse.Namespace) -> str:
    """Return the page."""
    title, explained, *_ = (__doc__ or "").split("\n\n")
    where = provenance.collect()
    versions = ", ".join(f"{name} {one}" for name, one in where["versions"].items() if one)
    space = ", ".join(f"{value} {name}" for name, value in SPACE.items())
    lines = [
        f"# {title}",
        "",
        explained,
        "",
        f"Mean (and range) of {given.seeds} seeds; {given.images:,} training pictures, the space "
        f"darts with {space}, {EPOCHS[0]} epochs of search, {EPOCHS[1]} of retraining.",
        "",
        "| data | read as | metric | test | constant answer |",
        "|---|---|---|---:|---:|",
    ]
    for row in rows:
        measure = named(row.metric)
        mean, least, most = (
            measure.text(one)
            for one in (statistics.fmean(row.values), min(row.values), max(row.values))
        )
        constant = "" if row.constant is None else measure.text(row.constant)
        cells = (row.data, row.way, measure.words, f"{mean} ({least} to {most})", constant)
        lines.append(f"| {' | '.join(cells)} |")
    took = sum(row.seconds for row in rows)
    command = " ".join(["python benchmarks/own_data.py", *sys.argv[1:]])
    return "\n".join(
        [
            *lines,
            "",
            f"Made with `{command}` in {took / 60:.0f} minutes on {where['threads']} of "
            f"{where['cores']} cores of {where['cpu']}, without a GPU; Python {where['python']}, "
            f"{versions}; commit {where['commit']}.",
            "",
        ]
    )


def main() -> None:
    """Measure, write the page and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=2_000, help="training pictures")
    parser.add_argument("--data", type=Path, help="where the official files lie")
    parser.add_argument("--only", nargs="+", choices=[*PICTURES, *OTHERS])
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    if given.data is not None:
        os.environ["NASBENCH_DATA"] = str(given.data.resolve())
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        out = Path(scratch) / "results"
        for data in given.only or [*PICTURES, *OTHERS]:
            if data in OTHERS:
                task = f"{REPOSITORY}/examples/mnist_tasks.py:{data}"
                rows.append(measured(task, data, "own code", given, out))
                continue
            rows.append(measured(data, data, "built in", given, out))
            folder = Path(scratch) / data
            write_pictures(PICTURES[data](given.data), folder)
            rows.append(measured(str(folder), data, "folder", given, out))
    page = text(rows, given)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(page, encoding="utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
