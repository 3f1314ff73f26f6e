"""Measures a step of training: of a supernet, or of the network that a search found.

By default it is a step of first-order DARTS: one update of the architecture and one of the
weights, with the supernet of the paper (Liu et al., "DARTS", ICLR 2019) and 32x32 images of 10
classes, on a CPU. `nasbench` is the strategy with its defaults, in one process with a thread for
each core; `nasbench, processes` gives each core a process with its share of the batch, as
`--processes` does, and `nasbench, plain` is without the fast sums. `paper` is a plain
implementation of the paper, in torch's default memory layout and in channels-last. `nni` is the
strategy `DARTS` of NNI on NNI's space, which has the same convolutions, no batch normalization
after poolings, and batch normalization with parameters elsewhere. Other methods than `darts` have
no other contenders than `nasbench`.

Every contender computes on one core and then on all, in its own process; its best is set in bold,
and speeds are compared with the others' best. They take turns of one step; while one computes, all
others wait on a pipe. Their threads wait for work as those of the command `nasbench` do: they look
for it for some tens of microseconds before they sleep. Peak memory is the peak resident size of
the contender's processes, libraries included;
"MB before" is the same before the first step.

python benchmarks/supernet_step.py
python benchmarks/supernet_step.py --method fairnas --channels 36 --batch 64
python benchmarks/supernet_step.py --method retrain

Writes supernet_step.json and .md into results/published, with the method and the size in their
names if they are not the defaults. With --scaling it times `nasbench` and `paper, channels-last`
at other sizes on all cores instead, and writes supernet_scaling.json and .svg.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from peers import report, scaling
from peers.rounds import CONTENDERS, compare
from peers.turns import RETRAIN, Task

from nasbench import provenance
from nasbench.threads import spin_briefly

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 2
METHODS = ("darts", "fairnas", "spos", RETRAIN)
OWN = ("nasbench", "nasbench, processes")  # the contenders of every method
SIZES = {"channels": 16, "cells": 8, "batch": 32}
RETRAIN_SIZES = {"channels": 36, "cells": 20, "batch": 96}  # the paper's


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number of at least 1")
    return int(text)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--method", choices=METHODS, default="darts")
    parser.add_argument("--only", action="append", choices=CONTENDERS, metavar="NAME")
    for name, default in SIZES.items():
        text = f"default: {default}, {RETRAIN_SIZES[name]} for {RETRAIN}"
        parser.add_argument(f"--{name}", type=positive, help=text)
    parser.add_argument("--steps", type=positive, default=10)
    parser.add_argument(
        "--cores", type=positive, action="append", help="instead of one and all; repeatable"
    )
    parser.add_argument("--scaling", action="store_true", help="vary the size instead")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "published", help="folder to write into"
    )
    args = parser.parse_args()
    if args.scaling and args.method != "darts":
        parser.error(f"--scaling: is for --method darts, not {args.method}")
    args.cores = args.cores or sorted({1, os.cpu_count() or 1})
    return args


def task_of(args: argparse.Namespace) -> Task:
    """Return what is computed."""
    default = RETRAIN_SIZES if args.method == RETRAIN else SIZES
    sizes = {name: getattr(args, name) or size for name, size in default.items()}
    return Task(**sizes, steps=WARM_UP + args.steps, method=args.method)


def selected(args: argparse.Namespace) -> list[str]:
    """Return the names of the contenders."""
    known = CONTENDERS if args.method == "darts" else OWN
    return [name for name in known if not args.only or name in args.only]


def measure(args: argparse.Namespace, task: Task) -> dict[str, Any]:
    """Return the figures of the selected contenders, on each number of cores."""
    names, by_cores = selected(args), {}
    for cores in args.cores:
        # With one core, processes and threads are the same.
        own = [name for name in names if cores > 1 or name != OWN[1] or OWN[0] not in names]
        tasks = dict.fromkeys(own, replace(task, cores=cores))
        by_cores[cores] = report.rows(compare(tasks, task.steps), WARM_UP)
    found = report.compared(by_cores)
    return {"rows": found, "bars": report.bars(found) if args.method == "darts" else []}


def described(names: list[str]) -> dict[str, Any]:
    """Return the provenance of the figures; called before anything is measured.

    Args:
        names: of the contenders.
    """
    facts = provenance.collect()
    del facts["threads"], facts["gpus"]  # this process computes nothing
    others = ("nni", "pytorch-lightning") if "nni" in names else ()
    facts["versions"] |= {name: metadata.version(name) for name in others}
    return {"command": f"python benchmarks/{facts['command']}", "provenance": facts}


def name_of(task: Task) -> str:
    """Return the name of the files: the method and the sizes that are not the defaults."""
    default = RETRAIN_SIZES if task.method == RETRAIN else SIZES
    sizes = {name: getattr(task, name) for name in default}
    parts = [] if task.method == "darts" else [task.method]
    parts += [f"{name}{size}" for name, size in sizes.items() if size != default[name]]
    return "_".join(["supernet_step", *parts])


def main() -> None:
    """Measure, write the files and print the report."""
    args, begin = arguments(), time.perf_counter()
    spin_briefly()  # the environment is read when the contenders import torch
    args.out.mkdir(parents=True, exist_ok=True)
    task = task_of(args)
    names = [report.OURS, report.PLAIN] if args.scaling else selected(args)
    made = described(names) | {"task": asdict(task), "warm_up": WARM_UP}
    if args.scaling:
        made |= {"rows": scaling.measure(replace(task, cores=max(args.cores)), WARM_UP)}
        name, text = "supernet_scaling", scaling.text(made["rows"])
        scaling.draw(made["rows"], args.out / f"{name}.svg")
    else:
        made |= measure(args, task)
        name = name_of(task)
    made["seconds"] = time.perf_counter() - begin
    if not args.scaling:
        parts = (__doc__ or "").split("\n\n")
        text = report.markdown(made, "\n\n".join(parts[1:3]))
        (args.out / f"{name}.md").write_text(text, encoding="utf-8")
    (args.out / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
