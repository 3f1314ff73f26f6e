"""``nasbench study``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench import arguments
from nasbench.cli import running
from nasbench.cli.output import note, tell
from nasbench.config import TrialsConfig
from nasbench.errors import UserError
from nasbench.faults import MachineError

if TYPE_CHECKING:
    from nasbench.study.plan import Plan

File = Annotated[
    Path | None,
    typer.Argument(
        help="The YAML file of the study, the name of a shipped one (see: nasbench list studies), "
        "or `new` to write an example."
    ),
]
Target = Annotated[
    Path | None, typer.Argument(help="With `new`: the file to write (default: study.yaml).")
]
ScaleOption = Annotated[
    float,
    typer.Option(
        "--scale",
        help="Run with this share of the computing, in (0, 1]: fewer images, then epochs, then "
        "trials, but enough to learn.",
    ),
]
Out = Annotated[
    Path, typer.Option("--out", help="The results folder; a study writes to studies/NAME in it.")
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="The folder of the data sets.")]
Device = Annotated[
    str, typer.Option("--device", help="The device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.")
]
Task = Annotated[str | None, typer.Option("--task", help="Replace the task of the study.")]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="Run only this entry and the entries it uses; repeatable."),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds", min=1, max=10**4, help="Replace the seeds of the study by 0 to SEEDS - 1."
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        metavar="KEY=VALUE",
        help="Set an argument in every entry that takes it, such as width=0.5; may be repeated.",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="Compute in fp32 or bf16 where an entry names nothing else; bf16 is mixed precision.",
    ),
]
Dry = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Show the missing runs and their cost without running them or reading a built-in "
        "task's data.",
    ),
]
Engine = Annotated[
    str | None, typer.Option("--engine", help="Run in worker processes: local or ray.")
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, max=1024, help="The number of runs at once.")
]
Gpus = Annotated[
    float,
    typer.Option(
        "--gpus-per-trial",
        min=0.0,
        max=1024,
        help="GPUs per run; a fraction such as 0.5 shares one.",
    ),
]
Address = Annotated[
    str | None, typer.Option("--address", help="The Ray cluster: auto or host:port.")
]


def command(
    file: File = None,
    target: Target = None,
    scale: ScaleOption = 1.0,
    out: Out = Path("results"),
    task: Task = None,
    only: Only = None,
    seeds: Seeds = None,
    o: Arguments = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = None,
    dry_run: Dry = False,
    engine: Engine = None,
    concurrency: Concurrency = 1,
    gpus_per_trial: Gpus = 0.0,
    address: Address = None,
) -> None:
    """Run the missing runs of a study, described in one file, and write a table of results."""
    from nasbench.study.plan import load_plan
    from nasbench.study.shipped import located

    if file is None:
        raise UserError("missing FILE; `nasbench study new` writes an example")
    if str(file) == "new":
        from nasbench.store.atomic import write_text
        from nasbench.study.file import EXAMPLE

        path = target or Path("study.yaml")
        if path.exists():
            raise UserError(f"{path} already exists; choose another file")
        write_text(path, EXAMPLE)
        tell(f"written: {path}", f"next:    nasbench study {shlex.quote(str(path))} --dry-run")
        return
    if target is not None:
        raise UserError(f"second file '{target}': only allowed after `new`")
    where = TrialsConfig(
        engine=engine, concurrency=concurrency, gpus_per_trial=gpus_per_trial, address=address
    )
    given: dict[str, object] = {"data_dir": data_dir, "device": device}
    plan, folder = load_plan(
        located(file),
        scale,
        given,
        out,
        task,
        only or (),
        dry_run,
        seeds,
        arguments.parse(o or []),
        precision,
    )
    text = _command(file, out, task, seeds, o or [], precision, plan, where)
    _run(plan, folder, where, dry_run, text)


def _run(plan: Plan, folder: Path, where: TrialsConfig, dry_run: bool, command: str) -> None:
    """Print the estimated cost, run what is missing, and print the table of results."""
    from rich.console import Console

    from nasbench.api import progress, studies
    from nasbench.api.runs import Surroundings
    from nasbench.report.formats.console import print_listing
    from nasbench.study import report
    from nasbench.training.stopping import Stopped, StopSignal

    done, cost = studies.estimated(plan, folder, measuring=dry_run)
    tell(*cost)
    if dry_run:
        return
    try:
        with progress.shown(quiet=False) as callback:
            around = Surroundings(callback, StopSignal(), note)
            found, written = studies.run(plan, done, folder, where, around, command)
    except Stopped as stopped:
        note(f"{stopped}; continue with: {command}")
        raise typer.Exit(128 + stopped.signal) from stopped
    except MachineError as error:
        raise MachineError(f"{error}; continue with: {command}") from error
    if plan.scale.words:
        tell("", plan.scale.words)
    print_listing(report.listing(found), Console())
    for path in written:
        tell(f"written: {path}")
    studies.check(found)


def _command(
    file: Path,
    out: Path,
    task: str | None,
    seeds: int | None,
    assigned: list[str],
    precision: str | None,
    plan: Plan,
    where: TrialsConfig,
) -> str:
    """Return the command that continues the study."""
    given = {
        "--scale": None if plan.scale.factor == 1 else plan.scale,
        "--task": task,
        "--seeds": seeds,
        "--data-dir": plan.given["data_dir"],
        "--device": None if plan.given["device"] == "auto" else plan.given["device"],
        "--precision": precision,
        "--engine": where.engine,
        "--concurrency": None if where.concurrency == 1 else where.concurrency,
        "--gpus-per-trial": where.gpus_per_trial or None,
        "--address": where.address,
    }
    words = ["nasbench", "study", str(file)]
    repeated = [*(("--only", one) for one in plan.only), *(("-o", one) for one in assigned)]
    for flag, value in [*repeated, *given.items()]:
        words += [] if value is None else [flag, str(value)]
    return shlex.join(words) + running.out_flag(out)
