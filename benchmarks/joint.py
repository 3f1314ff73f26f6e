"""Architecture search, tuning and joint search with the same device time.

For each task, TPE and random search look for an architecture, for hyperparameters of a small
network, and for both at once (``nasbench compare``). What each finds is retrained and tested once.
The same command goes on where it was stopped.

python benchmarks/joint.py [--budget TIME] [--seeds N] [--tasks NAMES] [--folder DIR] [--out FILE]

Writes results/published/joint.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import torch
from same_time import compared, device_seconds, made, parser

from nasbench.report.comparisons import kinds_notes
from nasbench.report.rows import Row
from nasbench.report.verdict import verdict

SPACE, NETWORK, TUNE = "mobilenet-skip", "small-cnn", "lr,weight_decay,batch_size"
METHODS = (
    *("tpe", "random", "tpe+tune", "random+tune"),
    *(f"hpo:{NETWORK}", f"hpo:{NETWORK}@random"),
)
TASKS: dict[str, dict[str, Any]] = {"digits": {}, "mnist": {"limit_train": 4_000}}
"""Task to the options that all its runs share."""

KINDS = {"nas": "architecture", "hpo": "hyperparameters", "joint": "both"}


def table(task: str, rows: Sequence[Row]) -> list[str]:
    """Return a task's part of the page."""
    lines = [
        f"## {task}",
        "",
        "| searched | method | test accuracy, % | 95 % interval | search, s | trials |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        low, high = row.interval or (row.mean, row.mean)
        lines.append(
            f"| {KINDS[row.kind]} | {row.on_space} | {row.mean:.2f} | {low:.2f} to {high:.2f} "
            f"| {row.search_seconds:.0f} | {row.search_evaluations:.0f} |"
        )
    said = verdict(rows)
    known = {line.rstrip(".").lower() for line in said}
    more = (note.removeprefix(f"task {task}, ") for note in kinds_notes(task, rows))
    notes = [*said, *(f"{note}." for note in more if note.lower() not in known)]
    return [*lines, "", *(f"- {note}" for note in notes), ""]


def page(parts: list[str], given: argparse.Namespace, seconds: float) -> str:
    """Return the page."""
    title, *paragraphs = (__doc__ or "").split("\n\n")
    limit = given.limit_train or TASKS["mnist"]["limit_train"]
    small = f" MNIST has {limit:,} training images." if "mnist" in given.tasks else ""
    return "\n".join(
        [
            f"# {title.rstrip('.')}",
            "",
            paragraphs[0],
            "",
            f"Networks are those of the space `{SPACE}`; tuned alone is `{NETWORK}`. Searched "
            f"beside the architecture: `{TUNE}`. Each search may take {given.budget} of device "
            f"time, with {given.seeds} seeds.{small} Intervals are bootstrapped over the seeds.",
            "",
            *parts,
            made("joint.py", given, seconds, tasks=[*TASKS]),
            "",
        ]
    )


def main() -> None:
    """Compare, write the page and print it."""
    options = parser(__doc__ or "", "5min", "joint.md")
    options.add_argument("--tasks", nargs="+", default=[*TASKS], choices=[*TASKS])
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    parts, seconds = list[str](), 0.0
    for task in given.tasks:
        rows = compared(METHODS, task, given, space=SPACE, tune=TUNE, **TASKS[task])
        parts += table(task, rows)
        seconds += device_seconds(rows)
    written = page(parts, given, seconds)
    given.out.write_text(written, encoding="utf-8")
    sys.stdout.write(written)


if __name__ == "__main__":
    main()
