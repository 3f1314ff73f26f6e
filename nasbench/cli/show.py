"""``nasbench show``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.cli.options import AsJson

Given = Annotated[
    str,
    typer.Argument(
        help="A run, checkpoint.json, a file of another format, FILE.py:NAME, zoo:NAME or a text."
    ),
]
Form = Annotated[
    str | None, typer.Option("--from", help="The format it has. [default: recognised]")
]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", help="svg, png, pdf or dot. [default: svg]"),
]
Drawing = Annotated[
    Path | None,
    typer.Option("--drawing", help="Where to draw, without suffix. [default: by the checkpoint]"),
]
Space = Annotated[
    str | None, typer.Option("--space", help="Where a user's own space is now: file.py:Class.")
]


def command(
    checkpoint: Given,
    format: Formats = None,
    drawing: Drawing = None,
    space: Space = None,
    form: Form = None,
    as_json: AsJson = False,
) -> None:
    """Print an architecture and draw it."""
    from nasbench.engine.imports import checked, open_checkpoint
    from nasbench.report.drawing import draw

    found = open_checkpoint(checkpoint, form, space=space)
    kind, domains, arch = checked(found, space)
    beside = _beside(checkpoint)
    drawn = draw(kind.graphs(arch), drawing or beside / "architecture", format or ("svg",))
    facts: dict[str, Any] = {
        "architecture": arch.id,
        "space": f"{found.space['name']} ({domains.size:,} architectures)",
        "strategy": found.strategy.get("name"),
        "task": found.task,
        "seed": found.seed,
        **{f"search {name}": value for name, value in found.metrics.items() if name != "epoch"},
        **found.cost,
    }
    if as_json:
        paths = [str(path) for path in drawn.paths]
        typer.echo(json.dumps({**facts, "arch": dict(arch), "drawings": paths}))
        return
    typer.echo(f"{kind.text(arch)}\n")
    for name, value in facts.items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        typer.echo(f"{name.replace('_', ' ')}: {shown}")
    for path in drawn.paths:
        typer.echo(f"drawing: {path}")
    if drawn.note:
        typer.echo(f"note: {drawn.note}")


def _beside(given: str) -> Path:
    """Return the folder for drawings: the run's or the file's, the current one for a text."""
    path = Path(given.rpartition(":")[0] if ".py:" in given else given)
    try:
        return path if path.is_dir() else path.parent if path.is_file() else Path()
    except OSError:  # too long for a name
        return Path()
