"""Shared code of the MNIST benchmarks: training outside a run, and the report."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nasbench import provenance
from nasbench.config import RetrainConfig
from nasbench.data.images import ImageSet
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import objective, on_device, supervised
from nasbench.nn.processes import Place, place
from nasbench.space import SearchSpace
from nasbench.store.state import StateFile
from nasbench.tasks.base import Task
from nasbench.training.loop import Loop
from nasbench.training.stopping import StopSignal

RESULTS = Path(__file__).resolve().parent.parent / "results" / "published"


class Here:
    """Computes on the CPU, in the processes that ``torchrun`` started."""

    device = torch.device("cpu")

    @property
    def place(self) -> Place:
        """The rank of this process and the number of processes."""
        return place()


def trained(net: SearchSpace, images: ImageSet, task: Task, config: RetrainConfig) -> nn.Module:
    """Train a network and return it.

    Args:
        net: the untrained network.
        images: the training images.
        task: of the images.
        config: the options of the training.
    """
    net = on_device(net, Here.device)
    judged = objective(task, config)
    unit = supervised(net, images, None, task.augmentation, config, judged, config.seed, Here())
    with tempfile.TemporaryDirectory() as folder:
        state = StateFile(Path(folder) / "state.pt")
        Loop(unit, config.epochs, state, NullCallback(), StopSignal()).run()
    return unit.finish()


def cell(values: Sequence[float]) -> str:
    """Return the mean, followed by the range if there are several values."""
    mean = f"{statistics.fmean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.2f} to {max(values):.2f})"


def main(
    name: str,
    document: str,
    defaults: tuple[int, int],
    runs: Callable[[argparse.Namespace], Iterable[dict[str, Any]]],
    table: Callable[[dict[str, Any]], Sequence[str]],
) -> None:
    """Train all networks, write ``name.json`` and ``name.md``, and print the Markdown.

    Args:
        name: of the benchmark.
        document: its docstring; the text before the command line heads the report.
        defaults: numbers of seeds and epochs.
        runs: yields the rows for the parsed options.
        table: returns the report's table as lines of Markdown.
    """
    words = document.partition("python benchmarks")[0]
    parser = argparse.ArgumentParser(description=words.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=defaults[0], help="number of seeds")
    parser.add_argument("--epochs", type=int, default=defaults[1], help="of each training")
    parser.add_argument("--limit-train", type=int, help="number of training images; default: all")
    parser.add_argument("--data-dir", type=Path, help="folder of MNIST")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder to write into")
    given = parser.parse_args()
    facts = provenance.collect()
    command = f"python benchmarks/{name}.py --seeds {given.seeds} --epochs {given.epochs}"
    if given.limit_train:
        command += f" --limit-train {given.limit_train}"
    report = {
        "command": command,
        "seeds": given.seeds,
        "epochs": given.epochs,
        "images": given.limit_train or 60_000,
        "rows": list(runs(given)),
        "provenance": facts,
    }
    write(name, words, report, table(report), given.out)


def write(name: str, words: str, report: dict[str, Any], table: Sequence[str], out: Path) -> None:
    """Write both files and print the Markdown, in the first process only.

    Args:
        name: stem of the files.
        words: heading and introduction.
        report: content of the JSON file.
        table: lines of Markdown.
        out: folder to write into.
    """
    if place().rank:
        return
    facts = report["provenance"]
    versions = ", ".join(f"{k} {v}" for k, v in facts["versions"].items() if v)
    made = (
        f"Made with `{report['command']}` on {facts['cores']} cores of {facts['cpu']}, without a "
        f"GPU; Python {facts['python']}, {versions}; commit {facts['commit']}."
    )
    text = "\n".join([f"# {words.strip()}", "", *table, "", made]) + "\n"
    (out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
