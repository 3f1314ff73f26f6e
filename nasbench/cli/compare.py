"""``nasbench compare``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from nasbench import arguments
from nasbench.cli.options import Assignments, with_options
from nasbench.cli.output import leads, note, tell
from nasbench.cli.study import Address, Concurrency, Engine, Gpus
from nasbench.config import CompareConfig, TrialsConfig
from nasbench.faults import MachineError

Methods = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="METHOD",
        help="Two or more of: a strategy, STRATEGY+tune for a joint search, hpo:MODEL or "
        "hpo:MODEL@TUNER, such as darts random tpe+tune hpo:resnet18@tpe; a model is a baseline "
        "or a space.",
    ),
]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, max=10**4, help="Number of seeds of each method.")
]

Dry = Annotated[
    bool, typer.Option("--dry-run", help="Plan and show the cost; nothing is run or written.")
]


def command() -> Callable[..., None]:
    """Return the command with a flag for each option of :class:`CompareConfig`."""
    return with_options(CompareConfig, ())(_compare)


def _compare(
    given: dict[str, Any],
    methods: Methods = None,
    seeds: Seeds = 3,
    o: Assignments = None,
    dry_run: Dry = False,
    engine: Engine = None,
    concurrency: Concurrency = 1,
    gpus_per_trial: Gpus = 0.0,
    address: Address = None,
) -> None:
    """Compare methods with equal budgets: search or tune, retrain, and print the table."""
    from nasbench.api import comparing, progress, studies
    from nasbench.api.boards import of_folder
    from nasbench.api.runs import Surroundings
    from nasbench.training.stopping import Stopped, StopSignal

    where = TrialsConfig(
        engine=engine, concurrency=concurrency, gpus_per_trial=gpus_per_trial, address=address
    )
    typed = shlex.join(["nasbench", *sys.argv[1:]])
    named = {name: value for name, value in given.items() if value is not None}
    plan = comparing.plan(methods or [], named, arguments.parse(o or []), seeds, typed)
    done, cost = studies.estimated(plan.plan, plan.folder, measuring=True)
    tell(*plan.lines, *cost)
    if dry_run:
        return
    again = "the same command goes on"
    try:
        with progress.shown(quiet=False) as callback:
            around = Surroundings(callback, StopSignal(), note)
            found, _ = comparing.run(plan, done, where, around)
    except Stopped as stopped:
        note(f"{stopped}; {again}")
        raise typer.Exit(128 + stopped.signal) from stopped
    except MachineError as error:
        raise MachineError(f"{error}; {again}") from error
    _print_board(of_folder(plan.folder, None).board)
    tell(f"written: {plan.folder / 'README.md'}")
    tell(f"study:   {plan.file}")
    tell(f"next:    edit that file, then {plan.command}")
    studies.check(found)


def _print_board(board: Any) -> None:
    from rich.console import Console

    from nasbench.report.formats import print_table

    if leads():
        print_table(board, Console())
