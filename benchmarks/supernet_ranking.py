"""What makes a small supernet rank well: recipes of `spos` and `fairnas` on NAS-Bench-201.

Each recipe changes one thing in the training of a supernet on images of CIFAR-10. Afterwards
random architectures are evaluated with its weights, in the ways of judging that people use, and
ranked against the table's validation accuracy after 200 epochs, as the number of parameters and
AZ-NAS rank them. Intervals are bootstrapped over the architectures; one seed each.

python benchmarks/supernet_ranking.py [--archs N] [--epochs N] [--only RECIPE ...] [--name NAME]

Writes results/published/supernet_ranking.json and .md, or files of another name. Searches and
scores are kept in results/bench/supernet_ranking, so an interrupted run goes on, and finished
recipes are not run again.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mnist_parts import RESULTS, write

import nasbench as nb
from nasbench import provenance
from nasbench.cost.params import inference_parameter_count
from nasbench.engine.problem import halves
from nasbench.engine.proxies import Scorer
from nasbench.proxies.aggregation import members, values
from nasbench.ranking.correlation import agreements
from nasbench.ranking.supernet import SearchedSupernet, SupernetMetric
from nasbench.seeding import derive
from nasbench.space import Arch
from nasbench.supernet.single_path import active_subnet
from nasbench.tabular.loading import load_table
from nasbench.tabular.parallel import Kept
from nasbench.training.supervised import predictions

NAME = "supernet_ranking"
KEPT = RESULTS.parent / "bench" / NAME
BASE: dict[str, Any] = {"channels": 8, "cells": 1, "batch_size": 64, "limit_train": 10_000}
LONGER: dict[str, Any] = {"lr": 0.1, "epochs": 4}
"""With fewer steps the accuracies with a supernet's weights rank nothing."""
CHANGES: dict[str, dict[str, Any]] = {
    "no weight decay": {"weight_decay": 0.0},
    "constant lr": {"schedule": "constant"},
    "twice the channels": {"channels": 16},
    "two cells a stage": {"cells": 2},
}
RECIPES: dict[str, dict[str, Any]] = {
    "base": {},
    "a quarter of the steps": {"epochs": 0.25},
    "four times the steps": {"epochs": 4},
    "lr 0.1, sixteen times the steps": {"lr": 0.1, "epochs": 16},
    "lr 0.1": {"lr": 0.1},
    "lr 0.4": {"lr": 0.4},
    **CHANGES,
    "fair sampling": {"strategy": "fairnas", "epochs": 0.3},
    "batch 256, lr 0.1": {"batch_size": 256, "lr": 0.1, "epochs": 2},
    "all images, lr 0.1": {"limit_train": 50_000, "val_fraction": 0.1, "lr": 0.1, "epochs": 4.2},
    "longer": LONGER,
    **{f"longer, {name}": LONGER | changed for name, changed in CHANGES.items()},
    "longer, fair sampling": LONGER | {"strategy": "fairnas", "epochs": 0.8},
}
"""Recipe to what it changes; ``epochs`` is a factor."""
NOTES = {
    "longer": " Longer: lr 0.1 and four times the steps.",
    "longer, fair": " Fair sampling trains five paths in a step, and as many paths in all.",
    "all images": " Of all images nine tenths are for training, so that as many judge.",
}
"""How the names of recipes begin to what the page says of them."""
FEW = 1000  # images
JUDGED = {
    "accuracy": "accuracy on all validation images",
    f"accuracy, {FEW} images": f"accuracy on {FEW:,} of them",
    "loss": "cross-entropy on all of them",
    "running statistics": "accuracy with the statistics of BN from the training of the supernet",
    "accuracy + az-nas": "the ranks by accuracy and by AZ-NAS, aggregated as those of proxies",
    "az-nas": "AZ-NAS, a proxy without training",
    "parameters": "number of parameters",
}


def searched(recipe: str, given: argparse.Namespace) -> Path:
    """Return the run folder of a recipe, which is searched unless it was."""
    kept, key = Kept(KEPT / "runs.jsonl"), f"{recipe}, {given.epochs} epochs"
    if kept.get(key) is None:
        options = BASE | {"strategy": "spos", "epochs": 1} | RECIPES[recipe]
        options["epochs"] = max(1, round(options["epochs"] * given.epochs))
        found = nb.search(
            **options,
            space="nas-bench-201",
            task="cifar10",
            data_dir=given.data_dir,
            candidates=20,
            device="cpu",
            out=KEPT,
            quiet=True,
        )
        kept.put(key, str(Path(found.folder).resolve().relative_to(KEPT)))
    return KEPT / str(kept.get(key))


def judged(supernet: SearchedSupernet, measured: SupernetMetric, arch: Arch) -> dict[str, float]:
    """Return the scores of an architecture, of which more is better."""
    strategy = supernet.strategy
    with active_subnet(strategy.relaxed, arch) as paths, torch.inference_mode():
        paths.eval()
        batches = measured._validation
        plain = predictions(paths, batches, strategy.objective, supernet.device)
        own = measured.calibrated(paths)
    right = (own[0].argmax(1) == own[1]).double()
    network = supernet.problem.space.freeze(
        arch, supernet.problem.task.spec, **supernet.problem.arguments
    )
    return {
        "accuracy": float(right.mean()),
        f"accuracy, {FEW} images": float(right[:FEW].mean()),
        "loss": -float(F.cross_entropy(own[0].double(), own[1])),
        "running statistics": float((plain[0].argmax(1) == plain[1]).double().mean()),
        "parameters": float(inference_parameter_count(network, network.training_only)),
    }


def finished(
    file: Path, archs: Sequence[Arch], score: Callable[[Arch], dict[str, float]]
) -> dict[str, list[float]]:
    """Return the scores of architectures by name; those that a file has are not computed again."""
    kept = Kept(file)
    found = []
    for arch in archs:
        key = json.dumps(dict(arch), sort_keys=True)
        if kept.get(key) is None:
            kept.put(key, score(arch))
        found.append(kept.get(key))
    # The file has no infinite numbers.
    return {
        name: [-np.inf if one[name] is None else one[name] for one in found] for name in found[0]
    }


def scores(run: Path, archs: Sequence[Arch], given: argparse.Namespace) -> dict[str, list[float]]:
    """Return the scores of architectures with the weights of a supernet, and by AZ-NAS."""

    @cache
    def supernet() -> SearchedSupernet:
        return SearchedSupernet.load(run, data_dir=given.data_dir)

    @cache
    def metric() -> SupernetMetric:
        return SupernetMetric(supernet(), images=10**6, seed=0)

    @cache
    def scorer() -> Scorer:
        config, problem = supernet().config, supernet().problem
        half = halves(problem.task, config.seed, config.val_fraction)[0]
        return Scorer(problem, lambda: half, 0, supernet().device)

    shared = finished(
        run / f"{NAME}.jsonl", archs, lambda arch: judged(supernet(), metric(), arch)
    )
    parts = finished(
        KEPT / "az-nas.jsonl",
        archs,
        lambda arch: {part: float(scorer()(part, arch)) for part in members(["az-nas"])},
    )
    arrays = {name: np.array(column) for name, column in (shared | parts).items()}
    together = {"accuracy + az-nas": "accuracy+az-nas", "az-nas": "az-nas"}
    return shared | {name: values(terms, arrays).tolist() for name, terms in together.items()}


def rows(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each recipe: tau and rho of each way of judging, with intervals."""
    table = load_table("nas-bench-201", None)
    archs = table.domains.sample_distinct(given.archs, np.random.default_rng(derive(0, NAME)))
    truth = [table.trainings(arch, "cifar10") for arch in archs]
    for recipe in given.only or RECIPES:
        run = searched(recipe, given)
        columns = scores(run, archs, given)
        columns["supernet"] = columns["accuracy"]  # what the others are compared with
        measured = agreements(columns, truth, derive(0, "bootstrap"))
        info = json.loads((run / "run.json").read_text())
        yield {
            "recipe": recipe,
            "changes": RECIPES[recipe],
            "epochs": info["config"]["epochs"],
            "seconds": info["cost"]["device_seconds"],
            "agreement": {name: measured[name].to_json() for name in JUDGED},
            "accuracies": [min(columns["accuracy"]), max(columns["accuracy"])],
        }


def table_of(report: Mapping[str, Any]) -> list[str]:
    """Return the report as lines of Markdown."""
    names = list(JUDGED)
    lines = [
        "| recipe | epochs | minutes | accuracies, % | " + " | ".join(names) + " |",
        "|---|---:|---:|---:|" + "---:|" * len(names),
    ]
    for row in report["rows"]:
        low, high = row["accuracies"]
        cells = [
            "{:.2f} [{:.2f}, {:.2f}]".format(*row["agreement"][name]["tau"]) for name in names
        ]
        lines.append(
            f"| {row['recipe']} | {row['epochs']} | {row['seconds'] / 60:.1f} | "
            f"{100 * low:.0f} to {100 * high:.0f} | {' | '.join(cells)} |"
        )
    base = ", ".join(f"{name} {value}" for name, value in BASE.items())
    said = "".join(
        words
        for start, words in NOTES.items()
        if any(row["recipe"].startswith(start) for row in report["rows"])
    )
    return [
        *lines,
        "",
        f"Kendall's tau against the table, {report['archs']} architectures. Base: `spos`, {base}, "
        f"half of the images for training; a recipe changes what its name says.{said} Accuracies: "
        "the lowest and the highest with the supernet's weights. Columns:",
        "",
        *(f"- {name}: {words}." for name, words in JUDGED.items()),
    ]


def main() -> None:
    """Measure, and write both files."""
    words = __doc__.partition("python benchmarks")[0]
    parser = argparse.ArgumentParser(description=words.splitlines()[0])
    parser.add_argument("--archs", type=int, default=200, help="number of architectures")
    parser.add_argument("--epochs", type=int, default=48, help="of the base recipe")
    parser.add_argument("--only", nargs="*", choices=RECIPES, help="recipes; default: all")
    parser.add_argument("--data-dir", type=Path, help="folder of cifar-10-batches-py")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder to write into")
    parser.add_argument("--name", default=NAME, help="of the files")
    given = parser.parse_args()
    facts = provenance.collect()
    said = {"archs": given.archs, "epochs": given.epochs}
    flags = [word for name, value in said.items() for word in (f"--{name}", str(value))]
    flags += ["--only", *given.only] if given.only else []
    flags += ["--name", given.name] if given.name != NAME else []
    report = {
        "command": f"python benchmarks/{NAME}.py {shlex.join(flags)}",
        **said,
        "rows": list(rows(given)),
        "provenance": facts,
    }
    write(given.name, words, report, table_of(report), given.out)


if __name__ == "__main__":
    main()
