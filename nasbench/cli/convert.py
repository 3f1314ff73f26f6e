"""``nasbench convert`` and ``nasbench zoo``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.options import AsJson, Form, Given, NoAssignments, RunsIn, no_assignments
from nasbench.cli.output import document, tell
from nasbench.errors import UserError, unknown

To = Annotated[str, typer.Option("--to", help="The format, or nasbench for a checkpoint.json.")]
Out = Annotated[Path | None, typer.Option("--out", help="A new file. [default: printed]")]
Space = Annotated[
    str | None, typer.Option("--space", help="Space of a file that holds labels and values only.")
]
Task = Annotated[
    str | None,
    typer.Option("--task", help="Task whose images the network takes. [default: cifar10]"),
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder with the data.")]

OURS = "nasbench"


def command(
    given: Given,
    to: To,
    form: Form = None,
    out: Out = None,
    space: Space = None,
    task: Task = None,
    data_dir: DataDir = None,
    results: RunsIn = Path("results"),
    o: NoAssignments = None,
) -> None:
    """Write an architecture in another format."""
    from nasbench.engine.checkpoints import Architecture, open_checkpoint
    from nasbench.interop.writing import WRITERS, write
    from nasbench.store.atomic import write_text
    from nasbench.store.runs import located

    no_assignments(o)
    if to not in (*WRITERS, OURS):
        raise unknown("format", to, [*sorted(WRITERS), OURS])
    if data_dir is not None and task is None:
        raise UserError(f"--data-dir {data_dir}: only --task reads a folder: name the task, too")
    given = given if form is not None else located(given, results)
    found = open_checkpoint(given, form, task, space, data_dir)
    arch = Architecture.of(found, space).arch
    if out is not None and out.exists():
        raise UserError(f"{out} exists already: name another file")
    if to == OURS:
        text = json.dumps(found.to_json(), indent=2) + "\n"
    else:
        text = write(to, found.space["name"], arch, found.space.get("arguments", {}))
    if out is None:
        document(text)
        return
    write_text(out, text)
    tell(f"written: {out}")


def zoo(as_json: AsJson = False) -> None:
    """List published cells, which other commands take as zoo:NAME."""
    from nasbench.interop.zoo import PREFIX, ZOO

    if as_json:
        tell(json.dumps({name: cell._asdict() for name, cell in ZOO.items()}))
        return
    for name, cell in ZOO.items():
        spread = "" if cell.spread is None else f" +/- {cell.spread:.2f}"
        figures = f"{cell.error:.2f}{spread} % error on CIFAR-10, {cell.params_m:g} M parameters"
        tell(f"{PREFIX}{name}: {figures}", f"    {cell.source}")
