"""Measures a step of first-order DARTS: one update of the architecture and one of the weights.

The supernet is that of the paper (Liu et al., "DARTS", ICLR 2019): 32x32 images, 10 classes, on a
CPU. `nasbench` is the strategy `darts` with its defaults, `nasbench, plain` the same without the
fast sums. `paper` is a plain implementation of the paper, in torch's default memory layout and in
channels-last. `nni` is the strategy `DARTS` of NNI on NNI's space, which has the same
convolutions, no batch normalization after poolings, and batch normalization with parameters
elsewhere.

Every contender runs in its own process, with the same number of threads. They take turns of one
step; while one computes, all others wait on a pipe. OMP_WAIT_POLICY is PASSIVE for all of them, so
that waiting threads do not spin. Peak memory is the peak resident size of the process, libraries
included; "MB before" is the same before the first step.

python benchmarks/supernet_step.py

Writes supernet_step.json and supernet_step.md into results/published. With --scaling it times
`nasbench` and `paper, channels-last` at other sizes instead, and writes supernet_scaling.json
and .svg.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from peers import report, scaling
from peers.rounds import CONTENDERS, compare
from peers.turns import Task

from nasbench import provenance

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 2


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number of at least 1")
    return int(text)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", choices=CONTENDERS, metavar="NAME")
    numbers = {"steps": 10, "batch": 32, "channels": 16, "cells": 8, "threads": os.cpu_count()}
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=positive, default=default)
    parser.add_argument("--scaling", action="store_true", help="vary the size instead")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "published", help="folder to write into"
    )
    return parser.parse_args()


def measure(args: argparse.Namespace, task: Task) -> dict[str, Any]:
    """Return the figures of the selected contenders."""
    names = [name for name in CONTENDERS if not args.only or name in args.only]
    measured = compare(dict.fromkeys(names, task), task.steps)
    found = report.rows(measured, WARM_UP)
    return {"rows": found, "bars": report.bars(found)}


def described(args: argparse.Namespace) -> dict[str, Any]:
    """Return the provenance of the figures; called before anything is measured."""
    facts = provenance.collect()
    del facts["threads"], facts["gpus"]  # this process computes nothing
    facts["versions"] |= {name: metadata.version(name) for name in ("nni", "pytorch-lightning")}
    command = f"python benchmarks/{facts['command']}"
    return {"command": command, "threads": args.threads, "provenance": facts}


def main() -> None:
    """Measure, write the files and print the report."""
    args, begin = arguments(), time.perf_counter()
    # OpenMP reads these when the contenders' processes import torch.
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    task = Task(args.channels, args.cells, args.batch, steps=WARM_UP + args.steps)
    made = described(args) | {"task": asdict(task), "warm_up": WARM_UP}
    if args.scaling:
        made |= {"rows": scaling.measure(task, WARM_UP)}
        name, text = "supernet_scaling", scaling.text(made["rows"])
        scaling.draw(made["rows"], args.out / f"{name}.svg")
    else:
        made |= measure(args, task)
        name = "supernet_step"
    made["seconds"] = time.perf_counter() - begin
    if not args.scaling:
        parts = (__doc__ or "").split("\n\n")
        text = report.markdown(made, "\n\n".join(parts[1:3]))
        (args.out / f"{name}.md").write_text(text, encoding="utf-8")
    (args.out / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
