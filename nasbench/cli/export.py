"""``nasbench export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench import arguments
from nasbench.api.exporting import TARGETS
from nasbench.cli.convert import Space, Task
from nasbench.cli.options import Form, Given, RunsIn
from nasbench.cli.output import tell

To = Annotated[str, typer.Option("--to", help=f"One of: {', '.join(TARGETS)}.")]
Out = Annotated[Path, typer.Option("--out", help="A new or an empty folder.")]
Preset = Annotated[
    str,
    typer.Option("--preset", help="Preset of an untrained network's arguments: quick or paper."),
]
More = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        "-a",
        "--argument",
        metavar="KEY=VALUE",
        help="Argument of an untrained network; may be repeated.",
    ),
]
Fold = Annotated[bool, typer.Option("--fold-bn", help="Fold BN into the convolutions before it.")]


def command(
    given: Given,
    to: To,
    out: Out,
    form: Form = None,
    space: Space = None,
    task: Task = None,
    preset: Preset = "quick",
    argument: More = None,
    fold_bn: Fold = False,
    results: RunsIn = Path("results"),
) -> None:
    """Write a self-contained network, and check that it computes the same outputs."""
    from nasbench.api.exporting import exported

    found = exported(
        given,
        to,
        out,
        form=form,
        space=space,
        task=task,
        preset=preset,
        assignments=arguments.parse(argument or []),
        fold_bn=fold_bn,
        results=results,
    )
    for made in found.files:
        tell(f"written: {made}")
    tell(
        f"checked: the outputs of {found.path.name}, loaded on its own, differ by at most "
        f"{found.difference:.1g}; the network's own rounding error is {found.rounding:.1g}"
    )
    if not found.trained:
        tell("note: the weights are untrained; export a retraining's run for trained ones")
