"""The cost of two mistakes of a lab report on MNIST: an extra softmax and randomly drawn labels.

The report's network ended in a softmax before the cross-entropy, which includes one, and its test
drew the label of each image at random from the predicted distribution. Here the same network is
trained with and without that softmax, and evaluated by its largest output and by random labels.
The expected accuracy of the latter is the mean probability of the true label, so none are drawn.

python benchmarks/mnist_softmax.py [--seeds N] [--epochs N] [--limit-train N]

Writes results/published/mnist_softmax.json and .md. A sixth of the training images is held out;
the test set is not opened.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from mnist_parts import cell, main, trained
from torch import Tensor

from nasbench.config import RetrainConfig
from nasbench.data.batches import Batches
from nasbench.data.images import ImageSet
from nasbench.engine.problem import load_task
from nasbench.seeding import seed_process
from nasbench.tasks.base import Task
from retrain.baselines.small_cnn import MnistOptim

NAME, HELD_OUT = "mnist_softmax", 0.167
ENDS = {"logits": False, "softmax before the cross-entropy": True}
WAYS = ("largest output", "drawn at random")


class Softmaxed(MnistOptim):
    """The network followed by a softmax."""

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, H, W) to probabilities (B, classes)."""
        return super().forward(x).softmax(1)


@torch.no_grad()
def measured(net: torch.nn.Module, ended: bool, images: ImageSet, task: Task) -> dict[str, float]:
    """Return the accuracy on held-out images in percent, for both ways of choosing the label."""
    batches = Batches(images, 500, seed=0, augmentation=task.augmentation, train=False)
    right = drawn = 0.0
    for x, y in batches.epoch(0):
        outputs = net.eval()(x)
        chances = outputs if ended else outputs.softmax(1)
        right += float((outputs.argmax(1) == y).sum())
        drawn += float(chances.gather(1, y[:, None]).sum())
    return {WAYS[0]: 100 * right / len(images), WAYS[1]: 100 * drawn / len(images)}


def runs(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each seed, with and without the softmax."""
    config = RetrainConfig(
        epochs=given.epochs,
        batch_size=16,
        optimizer="adam",
        lr=3e-4,
        weight_decay=1e-5,
        schedule="constant",
        grad_clip=10.0,
        limit_train=given.limit_train,
        data_dir=given.data_dir,
    )
    task = load_task(config, "mnist")
    for seed in range(given.seeds):
        rest, held_out = task.train.split(HELD_OUT, seed)
        for name, ended in ENDS.items():
            sys.stderr.write(f"seed {seed}: {name}\n")
            seed_process(seed, NAME)
            fresh = (Softmaxed if ended else MnistOptim)(task.spec)
            net = trained(fresh, rest, task, replace(config, seed=seed))
            yield {"end": name, "seed": seed, "accuracy": measured(net, ended, held_out, task)}


def table(report: dict[str, Any]) -> list[str]:
    """Return the rows as Markdown."""
    lines = [
        f"{report['epochs']} epochs of Adam at 0.0003 in batches of 16 on five sixths of "
        f"{report['images']:,} images, accuracy in percent on the sixth; mean (and range) of "
        f"{report['seeds']} seeds.",
        "",
        f"| trained with | {' | '.join(WAYS)} |",
        "|---|---:|---:|",
    ]
    for end in ENDS:
        own = [row["accuracy"] for row in report["rows"] if row["end"] == end]
        lines.append(f"| {end} | {' | '.join(cell([a[way] for a in own]) for way in WAYS)} |")
    return lines


if __name__ == "__main__":
    main(NAME, __doc__ or "", (3, 3), runs, table)
