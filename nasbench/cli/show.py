"""``nasbench show``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench import arguments, catalog
from nasbench.cli.options import AsJson
from nasbench.errors import UserError

CheckpointPath = Annotated[Path, typer.Argument(help="checkpoint.json, or a run folder.")]
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
    checkpoint: CheckpointPath,
    format: Formats = None,
    drawing: Drawing = None,
    space: Space = None,
    as_json: AsJson = False,
) -> None:
    """Print an architecture and draw it."""
    from nasbench.report.drawing import draw
    from nasbench.space import DataSpec
    from nasbench.store.checkpoint import SHAPE, Checkpoint

    found = Checkpoint.read(checkpoint)
    kind = catalog.entry_point("space_of")(found, space)
    (own,) = arguments.split(found.space.get("arguments", {}), space=arguments.of_space(kind))
    try:
        domains = kind.describe(DataSpec(*(found.data[name] for name in SHAPE)), **own)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"space {found.space['name']}: {error}") from error
    arch = domains.arch(found.arch)
    beside = checkpoint if checkpoint.is_dir() else checkpoint.parent
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
