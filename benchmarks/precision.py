"""Seconds of a training step in full precision and in mixed precision, on a CPU.

`--precision bf16` multiplies in bfloat16 wherever torch's autocast does. Wide convolutions gain
from it on CPUs that have instructions for it (AVX-512 BF16, AMX). Convolutions of a few channels,
as in the cells of DARTS, are bound by memory and calls, and lose a little. The sums of a supernet
are computed in full precision in both cases.

python benchmarks/precision.py [--batch N] [--steps N] [--out DIR]

Writes results/published/precision.json and .md: a step for each network, on one thread and on all,
and the operations of a cell on one thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mnist_parts import RESULTS, write
from torch import Tensor

from nasbench import catalog, provenance
from nasbench.engine.problem import on_device
from nasbench.interop import foreign, zoo
from nasbench.space import DataSpec, SearchSpace
from nasbench.strategies.oneshot.base import OneShotContext
from nasbench.testing.supernets import PlainSupernets
from nasbench.training.objective import PRECISIONS, Objective
from nasbench.training.optimization import Optimization, OptimizerConfig
from search_spaces.darts import Darts

NAME = "precision"
SPEC = DataSpec(channels=3, height=32, width=32, classes=10)
CPU = torch.device("cpu")
NETWORKS = ("resnet18", "googlenet", "mobilenet", "senet18", "vgg")
CELLS: dict[str, Any] = {"channels": 16, "layers": 8}
WARM_UP = 2
Step = Callable[[Tensor, Tensor], object]


def network(name: str) -> SearchSpace:
    """Return a network for CIFAR-10; ``DARTS_V2`` is that of the published cells."""
    if name != "DARTS_V2":
        made: SearchSpace = catalog.resolve("space", name)(SPEC)
        return made
    found = foreign.read(zoo.published(name).genotype)
    return Darts.freeze(Darts.describe(SPEC, **CELLS).arch(found.arch), SPEC, **CELLS)


def training(name: str, precision: str) -> Step:
    """Return the step of a plain network's training."""
    net = on_device(network(name), CPU).train()
    optimization = Optimization(list(net.parameters()), OptimizerConfig(), 1000)
    objective = Objective(precision=precision)

    def step(images: Tensor, labels: Tensor) -> None:
        optimization.minimize(objective(net, images, labels)[0])

    return step


class Supernets(PlainSupernets):
    """Makes supernets laid out in memory as the engine does it."""

    def __call__(self, partial: int = 1, **arguments: object) -> SearchSpace:
        """Return a supernet with every choice open."""
        return on_device(super().__call__(partial, **arguments), CPU)


def search(precision: str) -> Step:
    """Return the step of first-order DARTS: of the architecture and of the weights."""
    kind = catalog.resolve("strategy", "darts")
    setting = OneShotContext(OptimizerConfig(), Objective(precision=precision), 1000)
    domains = Darts.describe(SPEC, **CELLS)
    made = kind(Supernets(Darts, CELLS, SPEC), domains, kind.Options(), setting).train()
    made.begin_epoch(0, 1)
    return lambda images, labels: made.step((images, labels), (images, labels))


def medians(steps: Mapping[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Return the median seconds of each step; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(WARM_UP + count):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(found[WARM_UP:]) for name, found in seconds.items()}


def rows(batch: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield the seconds of each network's step in each precision, for each number of threads."""
    stream = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, 32, 32, generator=stream)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch,), generator=stream)
    for name in (*NETWORKS, "DARTS_V2", "darts"):
        make = search if name == "darts" else partial(training, name)
        for threads in sorted({1, os.cpu_count() or 1}):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            steps = {
                precision: partial(make(precision), images, labels) for precision in PRECISIONS
            }
            yield {"name": name, "threads": threads, "seconds": medians(steps, count)}


def operations(count: int) -> Iterator[dict[str, Any]]:
    """Yield the seconds of a cell's operations on 32 images, on one thread."""
    torch.set_num_threads(1)
    for channels, size in ((16, 32), (32, 16), (64, 8)):
        x = torch.randn(32, channels, size, size, generator=torch.Generator().manual_seed(0))
        x = x.to(memory_format=torch.channels_last)
        of = {"fp32": x, "bf16": x.bfloat16()}
        for name, operation in OPERATIONS.items():
            steps = {precision: partial(operation, y) for precision, y in of.items()}
            seconds = medians(steps, count)
            yield {"name": name, "channels": channels, "size": size, "seconds": seconds}


def depthwise(x: Tensor, kernel: int) -> Tensor:
    """Return the depthwise convolution of a kernel of ones."""
    weight = x.new_ones(x.shape[1], 1, kernel, kernel)
    return F.conv2d(x, weight, None, 1, kernel // 2, 1, x.shape[1])


def pixels(x: Tensor) -> Tensor:
    """Return channels-last images as pixels ``(n, C)``."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "depthwise 3x3": lambda x: depthwise(x, 3),
    "depthwise 5x5": lambda x: depthwise(x, 5),
    "pointwise": lambda x: pixels(x) @ x.new_ones(x.shape[1], x.shape[1]),
    "covariance": lambda x: pixels(x).t() @ pixels(x),
    "ReLU": F.relu,
}


def table(report: dict[str, Any]) -> list[str]:
    """Return the report as lines of Markdown."""
    lines = [
        f"Images of 3x32x32 in batches of {report['batch']}; medians of {report['steps']} steps "
        f"after {WARM_UP}. `darts` is a step of the supernet with 16 channels and 8 cells, "
        "`DARTS_V2` the network of the published cells in that size.",
        "",
        "| step | threads | fp32, s | bf16, s | fp32 / bf16 |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{row['name']}` | {row['threads']} {times(row, 1)}" for row in report["networks"]
    ]
    lines += [
        "",
        "Operations of a cell on 32 images, one thread:",
        "",
        "| operation | channels | size | fp32, ms | bf16, ms | fp32 / bf16 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['name']} | {row['channels']} | {row['size']} {times(row, 1e3)}"
        for row in report["operations"]
    ]
    return lines


def times(row: dict[str, Any], factor: float) -> str:
    """Return the last cells of a line: both times in another unit, and their quotient."""
    full, mixed = row["seconds"]["fp32"], row["seconds"]["bf16"]
    return f"| {factor * full:.3f} | {factor * mixed:.3f} | {full / mixed:.2f} |"


def main() -> None:
    """Measure, and write both files."""
    words = __doc__.partition("python benchmarks")[0]
    parser = argparse.ArgumentParser(description=words.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64, help="images of a batch")
    parser.add_argument("--steps", type=int, default=5, help="measured steps of each")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder to write into")
    given = parser.parse_args()
    report = {
        "command": f"python benchmarks/{NAME}.py --batch {given.batch} --steps {given.steps}",
        "batch": given.batch,
        "steps": given.steps,
        "provenance": provenance.collect(),
        "networks": list(rows(given.batch, given.steps)),
        "operations": list(operations(10 * given.steps)),
    }
    write(NAME, words, report, table(report), given.out)


if __name__ == "__main__":
    main()
