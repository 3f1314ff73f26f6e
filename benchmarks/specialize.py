"""One supernet for several budgets, against the same networks trained from scratch.

A one-shot search trains a supernet of elastic layers. For each bound on the parameters
`nasbench specialize` finds the most accurate architecture with the shared weights. The table has
its accuracy with these weights on the search's validation half, and on the test set after
fine-tuning from them and after a training from scratch of the same length, both on all training
images. The bounds lie evenly between the smallest and the largest network of the space.

python benchmarks/specialize.py [--task T] [--strategy S] [--epochs N] [--tune N] [--seeds N]

Writes results/published/specialize.json and .md, with the task's name behind it unless it is
``digits``. Each retraining opens the test set once.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnist_parts import RESULTS, cell, write

import nasbench as nb
from nasbench import provenance
from nasbench.cost.params import parameter_count
from nasbench.space import DataSpec
from search_spaces.mobilenet_v3 import MobileNetV3

NAME = "specialize"
HALVINGS = {"digits": 2}
"""Task to how often the networks halve its small images; those of other tasks 4 times."""


def options(task: str) -> dict[str, Any]:
    """Return the options of the space for a task."""
    return {"width": 0.5, "halvings": HALVINGS.get(task, 4)}


def bounds(spec: DataSpec, count: int, **space: Any) -> list[int]:
    """Return numbers of parameters that lie evenly between the smallest and largest network's."""
    domains = MobileNetV3.describe(spec, **space)
    ends = (
        domains.decide(lambda domain: min(domain.options)),
        domains.decide(lambda domain: max(domain.options)),
    )
    low, high = (parameter_count(MobileNetV3.freeze(arch, spec, **space)) for arch in ends)
    return [low + (high - low) * place // (count + 1) for place in range(1, count + 1)]


def rows(given: argparse.Namespace, out: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each seed and budget, with accuracies in [0, 1] and device-seconds.

    Args:
        given: the parsed options.
        out: folder of the runs.
    """
    common: dict[str, Any] = {"device": "cpu", "out": out, "quiet": True}
    space = options(given.task)
    for seed in range(given.seeds):
        search = nb.search(
            given.strategy,
            space="mobilenet-v3",
            task=given.task,
            epochs=given.epochs,
            limit_train=given.limit_train,
            seed=seed,
            **space,
            **common,
        )
        spec = DataSpec.from_json(search.checkpoint.data)
        shared = search.info["cost"]["device_seconds"]
        for bound in bounds(spec, given.budgets, **space):
            found = nb.specialize(
                search,
                max_params=bound,
                objectives="accuracy",
                count=1,
                candidates=given.candidates,
                seed=seed,
                **common,
            )
            length = {"epochs": given.tune, "limit_train": given.limit_train, "seed": seed}
            tuned = found.retrain(**length, **common)
            scratch = found.retrain(weights=None, **length, **common)
            yield {
                "seed": seed,
                "bound": bound,
                "params": found.metrics["params"],
                "macs": found.metrics["macs"],
                "inherited": found.metrics["val_accuracy"],
                "tuned": tuned.record.result,
                "scratch": scratch.record.result,
                "search_seconds": shared,
                "specialize_seconds": found.info["cost"]["device_seconds"],
                "tune_seconds": tuned.record.retrain_seconds,
                "scratch_seconds": scratch.record.retrain_seconds,
            }


def table(report: dict[str, Any]) -> list[str]:
    """Return the report as lines of Markdown.

    Args:
        report: with the ``rows`` of :func:`rows`.
    """
    found = report["rows"]
    lines = [
        "| at most | parameters | shared weights, validation | fine-tuned, test | from scratch, "
        "test |",
        "|---|---|---|---|---|",
    ]
    for bound in sorted({row["bound"] for row in found}):
        own = [row for row in found if row["bound"] == bound]
        percent = [
            cell([100 * row[name] for row in own]) for name in ("inherited", "tuned", "scratch")
        ]
        params = ", ".join(f"{row['params']:,}" for row in own)
        lines.append(f"| {bound:,} | {params} | {' | '.join(percent)} |")
    seeds = report["seeds"]
    once = sum({row["seed"]: row["search_seconds"] for row in found}.values()) / seeds
    each = {
        name: sum(row[name] for row in found) / seeds
        for name in ("specialize_seconds", "tune_seconds", "scratch_seconds")
    }
    return [
        *lines,
        "",
        f"Device time of all budgets: {once:.0f} s for the supernet and its own search, "
        f"{each['specialize_seconds']:.0f} s to specialize, {each['tune_seconds']:.0f} s to "
        f"fine-tune; {each['scratch_seconds']:.0f} s to train the networks from scratch, which "
        "have to be known before. Supernet: "
        f"{report['epochs']} epochs of {report['strategy']} on half of the training images of "
        f"{report['task']}; trainings of {report['tune']} epochs; {seeds} "
        f"seed{'s' * (seeds != 1)}; {report['candidates']} architectures evaluated for each "
        "bound.",
    ]


def main() -> None:
    """Measure, and write both files."""
    words = __doc__.partition("python benchmarks")[0]
    parser = argparse.ArgumentParser(description=words.splitlines()[0])
    parser.add_argument("--task", default="digits", help="a task of images")
    parser.add_argument("--strategy", default="spos", help="a strategy of single paths")
    parser.add_argument("--epochs", type=int, default=60, help="of the supernet")
    parser.add_argument("--tune", type=int, default=5, help="epochs of each retraining")
    parser.add_argument("--candidates", type=int, default=60, help="evaluated for each bound")
    parser.add_argument("--budgets", type=int, default=5, help="number of bounds")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds")
    parser.add_argument("--limit-train", type=int, help="number of training images; default: all")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder to write into")
    given = parser.parse_args()
    facts = provenance.collect()
    said = {k: v for k, v in vars(given).items() if k != "out" and v is not None}
    flags = " ".join(f"--{k.replace('_', '-')} {v}" for k, v in said.items())
    with tempfile.TemporaryDirectory() as folder:
        found = list(rows(given, Path(folder)))
    report = {
        "command": f"python benchmarks/{NAME}.py {flags}",
        **said,
        "rows": found,
        "provenance": facts,
    }
    name = NAME if given.task == "digits" else f"{NAME}_{given.task}"
    write(name, words, report, table(report), given.out)


if __name__ == "__main__":
    main()
