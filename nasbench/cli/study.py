"""``nasbench study``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.cli import running
from nasbench.config import TrialsConfig
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.study.figures import Figure
    from nasbench.study.plan import Plan

File = Annotated[
    Path | None, typer.Argument(help="The study's YAML file; `new` writes an example.")
]
Target = Annotated[Path | None, typer.Argument(help="With `new`: the file to write.")]
ScaleOption = Annotated[
    float, typer.Option("--scale", help="Share of epochs, images and trials, up to 1.")
]
Out = Annotated[Path, typer.Option("--out", help="Where results go, in studies/NAME.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where the data lies.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Task = Annotated[str | None, typer.Option("--task", help="Instead of the study's own task.")]
Only = Annotated[
    list[str] | None, typer.Option("--only", help="Run only this entry, and what it uses.")
]
Dry = Annotated[bool, typer.Option("--dry-run", help="Tell what there is to do, and no more.")]
Engine = Annotated[str | None, typer.Option("--engine", help="Where runs go: local or ray.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, help="Runs at once.")]
Gpus = Annotated[float, typer.Option("--gpus-per-trial", min=0.0, help="GPUs of a run.")]
Address = Annotated[str | None, typer.Option("--address", help="The Ray cluster.")]


def command(
    file: File = None,
    target: Target = None,
    scale: ScaleOption = 1.0,
    out: Out = Path("results"),
    task: Task = None,
    only: Only = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    dry_run: Dry = False,
    engine: Engine = None,
    concurrency: Concurrency = 1,
    gpus_per_trial: Gpus = 0.0,
    address: Address = None,
) -> None:
    """Run what is missing of a study: many runs from one file, one table in the end."""
    from nasbench.study.opening import open_plan

    if file is None:
        raise UserError("which FILE? nasbench study new writes one")
    if str(file) == "new":
        _write_example(target or Path("study.yaml"))
        return
    if target is not None:
        raise UserError(f"{target}: only `new` takes a second file")
    where = TrialsConfig(
        engine=engine, concurrency=concurrency, gpus_per_trial=gpus_per_trial, address=address
    )
    if gpus_per_trial and engine is None:
        raise UserError(f"--gpus-per-trial {gpus_per_trial:g} needs --engine local or ray")
    given: dict[str, object] = {"data_dir": data_dir, "device": device}
    plan, folder = open_plan(file, scale, given, out, task, only or ())
    _run(plan, folder, where, dry_run, _again(file, out, task, plan, where))


def _write_example(path: Path) -> None:
    from nasbench.store.atomic import write_text
    from nasbench.study.example import EXAMPLE

    if path.exists():
        raise UserError(f"{path} is there already; name another file")
    write_text(path, EXAMPLE)
    typer.echo(f"written: {path}\nnext:    nasbench study {shlex.quote(str(path))} --dry-run")


def _run(plan: Plan, folder: Path, where: TrialsConfig, dry_run: bool, again: str) -> None:
    from nasbench.cli import progress as telling
    from nasbench.devices import pick
    from nasbench.store.runs import hold
    from nasbench.study import cost, drive, figures, report
    from nasbench.training.stopping import Stopped, StopSignal

    done = drive.found_before(plan, folder)
    for line in cost.lines(plan, done, folder):
        typer.echo(line)
    if dry_run:
        return
    if where.engine != "ray":
        pick(str(plan.given["device"]))
    stop = StopSignal()
    with hold(folder):
        try:
            with telling.telling(quiet=False) as callback:
                drive.run(plan, done, where, callback, stop, _say)
        except Stopped as stopped:
            typer.echo(f"{stopped}; continue with: {again}", err=True)
            raise typer.Exit(128 + stopped.signal) from stopped
        lines = figures.figures(plan, done, folder)
        written = report.write(plan, done, lines, folder, again)
    _tell(plan, lines, written)


def _again(file: Path, out: Path, task: str | None, plan: Plan, where: TrialsConfig) -> str:
    """Return the command that goes on with a study."""
    given = {
        "--scale": None if plan.scale.factor == 1 else plan.scale,
        "--task": task,
        "--data-dir": plan.given["data_dir"],
        "--device": None if plan.given["device"] == "auto" else plan.given["device"],
        "--engine": where.engine,
        "--concurrency": None if where.concurrency == 1 else where.concurrency,
        "--gpus-per-trial": where.gpus_per_trial or None,
        "--address": where.address,
    }
    words = ["nasbench", "study", str(file)]
    for flag, value in [*(("--only", entry) for entry in plan.only), *given.items()]:
        words += [] if value is None else [flag, str(value)]
    return shlex.join(words) + running.out_flag(out)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _tell(plan: Plan, lines: list[Figure], written: list[Path]) -> None:
    """Print the table and where it is."""
    from rich.console import Console

    from nasbench.report.formats.console import listed
    from nasbench.study.report import listing

    if plan.scale.words:
        typer.echo(f"\n{plan.scale.words}")
    Console().print(listed(listing(lines)))
    for path in written:
        typer.echo(f"written: {path}")
    failed = [f"{line.entry.name}, {reason}" for line in lines for reason in line.failed]
    if failed:
        raise UserError(f"without a result: {'; '.join(failed)}")
