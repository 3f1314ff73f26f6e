"""Why batch normalization lowered the accuracy of a small network on MNIST in a lab report.

The report cross-validated a small network with and without dropout and batch normalization: 98.29
percent without, 98.30 with dropout, 93.56 with BN and 85.76 with both, once 28. Three
possible causes in its code are tested here one at a time:

- "in quarters": batches of 100 are split over four devices, so that BN sees 25 images at a time
  and keeps the running statistics of the first quarter, as with torch's DataParallel; the remedy,
  "in two processes", uses torchrun with half a batch per process and SyncBatchNorm over the whole
  batch;
- "training mode": validation ran in training mode, so that BN normalized each batch separately and
  dropout was active; in batches of 100, and of 10 as the last batch of a set may be;
- "other constants": the validation images were normalized with a mean and a standard deviation of
  0.5 instead of those of MNIST.

python benchmarks/mnist_batch_norm.py [--seeds N] [--epochs N] [--limit-train N]

Writes results/published/mnist_batch_norm.json and .md. Each seed holds out another quarter of
the training images. The test set is not opened.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from mnist_parts import cell, main, trained
from torch import Tensor, nn

from nasbench.config import RetrainConfig
from nasbench.data.augment import Augmentation
from nasbench.data.batches import Batches
from nasbench.data.images import ImageSet
from nasbench.data.split import stratified_folds, without
from nasbench.engine.problem import load_task
from nasbench.nn.processes import place
from nasbench.seeding import derive, seed_process
from nasbench.tasks.base import Task
from nasbench.training.distributed import join
from retrain.baselines.small_cnn import MnistCnn

NAME, FOLDS, PARTS, PROCESSES = "mnist_batch_norm", 4, 4, 2
WHOLE, QUARTERS, TWO = "whole", "in quarters", "in two processes"
NETWORKS: dict[str, dict[str, Any]] = {
    "plain": {"dropout_rate": 0.0, "batch_norm": False},
    "dropout": {"dropout_rate": 0.5, "batch_norm": False},
    "BN": {"dropout_rate": 0.0, "batch_norm": True},
    "BN and dropout": {"dropout_rate": 0.5, "batch_norm": True},
}
REPORTED = {"plain": 98.29, "dropout": 98.30, "BN": 93.56, "BN and dropout": 85.76}
OTHER = Augmentation(mean=(0.5,), std=(0.5,))
WAYS = (
    "as it should be",
    "training mode",
    "training mode, batches of 10",
    "other constants",
    "both",
)


class Quarters(nn.BatchNorm2d):
    """BN over quarters of the batch, with the running statistics of the first quarter."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        if not self.training:
            return super().forward(x)
        first, *others = x.chunk(PARTS)
        alone = [
            nn.functional.batch_norm(p, None, None, self.weight, self.bias, True) for p in others
        ]
        return torch.cat([super().forward(first), *alone])


def network(kind: str, how: str, task: Task) -> MnistCnn:
    """Return a new network."""
    made = MnistCnn(task.spec, **NETWORKS[kind])
    if how == QUARTERS:
        for block in made.features.children():
            norm = block.get_submodule("1")
            assert isinstance(norm, nn.BatchNorm2d)
            block.register_module("1", Quarters(norm.num_features))
    return made


def measured(net: nn.Module, images: ImageSet, task: Task) -> dict[str, float]:
    """Return the accuracy on held-out images in percent, for each way of measuring it."""
    right, other = task.augmentation, OTHER
    return {
        "as it should be": accuracy(net.eval(), images, right, 500),
        "training mode": accuracy(net.train(), images, right, 100),
        "training mode, batches of 10": accuracy(net.train(), images, right, 10),
        "other constants": accuracy(net.eval(), images, other, 500),
        "both": accuracy(net.train(), images, other, 100),
    }


@torch.no_grad()
def accuracy(net: nn.Module, images: ImageSet, how: Augmentation, size: int) -> float:
    """Return the accuracy in percent, in the current mode of the network."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    batches = Batches(images, size, seed=0, augmentation=how, train=False)
    right = sum(int((net(x).argmax(1) == y).sum()) for x, y in batches.epoch(0))
    net.load_state_dict(before)  # training mode moves BN's statistics
    return 100 * right / len(images)


def result(kind: str, how: str, seed: int, config: RetrainConfig, task: Task) -> dict[str, float]:
    """Train on three quarters of the images and return the accuracies on the fourth."""
    held_out = stratified_folds(task.train.labels, FOLDS, derive(0, "folds"))[seed % FOLDS]
    rest = task.train.subset(without(len(task.train), held_out))
    seed_process(seed, NAME)
    net = trained(network(kind, how, task), rest, task, replace(config, seed=seed))
    return measured(net, task.train.subset(held_out), task)


def runs(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each network, way of training and seed."""
    config = RetrainConfig(
        epochs=given.epochs,
        batch_size=100,
        optimizer="adam",
        lr=1e-3,
        weight_decay=0.0,
        schedule="constant",
        grad_clip=0.0,
        limit_train=given.limit_train,
        data_dir=given.data_dir,
    )
    task = load_task(config, "mnist")
    ways = {False: [WHOLE], True: [WHOLE, QUARTERS]}  # without and with BN
    if place().world > 1:
        ways = {False: [], True: [TWO]}
    for seed in range(given.seeds):
        for kind, options in NETWORKS.items():
            for how in ways[options["batch_norm"]]:
                sys.stderr.write(f"seed {seed}: {kind}, {how}\n")
                found = result(kind, how, seed, config, task)
                yield {"network": kind, "trained": how, "seed": seed, "accuracy": found}
    if place().world == 1:
        yield from in_processes()


def in_processes() -> list[dict[str, Any]]:
    """Return the rows of the same command run in two processes."""
    with tempfile.TemporaryDirectory() as folder:
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        start += [f"--nproc-per-node={PROCESSES}", __file__, *sys.argv[1:], "--out", folder]
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL)
        report = json.loads((Path(folder) / f"{NAME}.json").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = report["rows"]
    return rows


def table(report: dict[str, Any]) -> list[str]:
    """Return the rows as Markdown."""
    lines = [
        f"{report['epochs']} epochs of Adam at 0.001 in batches of 100 on three quarters of "
        f"{report['images']:,} images, accuracy in percent on the fourth; mean (and range) of "
        f"{report['seeds']} seeds.",
        "",
        f"| network | trained | {' | '.join(WAYS)} | reported |",
        f"|---|---|{'---:|' * (len(WAYS) + 1)}",
    ]
    for kind in NETWORKS:
        for how in (WHOLE, QUARTERS, TWO):
            own = [r for r in report["rows"] if (r["network"], r["trained"]) == (kind, how)]
            if own:
                cells = [cell([r["accuracy"][way] for r in own]) for way in WAYS]
                lines.append(f"| {kind} | {how} | {' | '.join(cells)} | {REPORTED[kind]:.2f} |")
    return lines


if __name__ == "__main__":
    join(torch.device("cpu"))
    main(NAME, __doc__ or "", (2, 5), runs, table)
